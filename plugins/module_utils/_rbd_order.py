# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be there before images are made, and in which order they are. Pure: no I/O.

The work is a list of current, wanted and changes of each image.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.cairn.hci.plugins.module_utils._rbd import path_of
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError


def missing(
    work: list[tuple[Object | None, Object, list[Change]]], pools: set[str], parents: dict[str, Object | None]
) -> list[str]:
    """Say which pools and snapshots to clone are missing; not asked in check mode, for they may be made before."""
    coming = {f"{path_of(wanted)}@{name}" for _current, wanted, _changes in work for name in wanted["protected"] or []}
    errors = []
    for _current, wanted, changes in work:
        where, parent = f"Image {path_of(wanted)}", wanted["parent"]
        lacking = {wanted["pool"], wanted.get("data_pool")} - pools - {None}
        errors += [
            f"{where}: Ceph has no pool {pool!r}; add it to ceph_pools and run the role ceph." for pool in lacking
        ]
        found = parents.get(parent)
        if changes[0].action == "create" and parent and parent not in coming and not (found and found["protected"]):
            problem = "is not protected" if found else "does not exist"
            errors.append(f"{where}: the snapshot {parent}, of which it shall be a clone, {problem}.")
    return errors


def waves(
    work: list[tuple[Object | None, Object, list[Change]]],
) -> Iterator[list[tuple[Object | None, Object, list[Change]]]]:
    """Yield `work` in parts that can be done at once: an image before its clones."""
    rest = work
    while rest:
        making = {path_of(wanted) for _current, wanted, _changes in rest}
        waits = [(one[1]["parent"] or "").partition("@")[0] in making for one in rest]
        ready = [one for one, wait in zip(rest, waits, strict=True) if not wait]
        if not ready:
            raise ResourceError(f"Images {', '.join(sorted(making))} shall be clones of each other.")
        yield ready
        rest = [one for one, wait in zip(rest, waits, strict=True) if wait]
