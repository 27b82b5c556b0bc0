# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far Ceph is with moving data. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.cairn.hci.plugins.module_utils._health import checks, is_healthy
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._status import human


def moving(pgmap: Object) -> list[str]:
    """What is still to be moved or copied."""
    found = []
    for name in ("misplaced", "degraded"):
        ratio = pgmap.get(f"{name}_ratio", 0.0)
        if ratio:
            found.append(f"{100 * ratio:.1f} % of the data is {name}")
    speed = pgmap.get("recovering_bytes_per_sec")
    return [*found, f"{human(speed)}/s"] if speed else found


def emptied(ids: Collection[int], safe: Collection[int], groups: dict[int, int], pgmap: Object) -> Object:
    """Whether some OSDs hold nothing any more, and the line that says so."""
    left = [ident for ident in ids if ident not in safe]
    if not left:
        return {"done": True, "line": "No data would be lost with them.", "problem": None}
    parts = [f"osd.{ident}: {groups.get(ident, 0)} placement groups left" for ident in left]
    line = ", ".join([*parts, *moving(pgmap)])
    who = ", ".join(f"osd.{ident}" for ident in left)
    problem = f"The data of {who} is not all elsewhere yet ({line}); run it again, it goes on here."
    return {"done": False, "line": line, "problem": problem}


def healthy(status: Object, ignore: Collection[str]) -> Object:
    """Whether the cluster is healthy, and the line that says so."""
    if is_healthy(status["health"], ignore):
        return {"done": True, "line": "Ceph is healthy.", "problem": None}
    wrong = checks(status["health"])
    line = ", ".join(moving(status["pgmap"])) or "; ".join(wrong)
    return {"done": False, "line": line, "problem": f"Ceph is not healthy: {'; '.join(wrong)}."}
