# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options in a Ceph cluster's own configuration database.

Private to the collection.
"""

from __future__ import annotations

import re

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size

BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def text(value: object) -> str:
    """An option's value in the cluster's spelling: sizes such as 4GiB in bytes, true and false in lower case."""
    word = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?\s*[KMGTP]iB", word):
        return str(parse_size(word))
    lower = word.lower()
    return BOOLEANS.get(lower, lower if lower in ("true", "false") else word)


def same(one: str, other: str) -> bool:
    """Whether two values mean the same, as 1 and 1.000000 do."""
    if one == other:
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def sections(dump: list[Object]) -> dict[str, Object]:
    """The answer to `config dump` by section, a mask being part of its section's name (osd/class:hdd)."""
    found: dict[str, Object] = {}
    for entry in dump:
        name = "/".join(filter(None, (entry["section"], entry["mask"])))
        options = found.setdefault(name, {"name": name, "options": {}})["options"]
        options[entry["name"]] = entry["value"]
    return found


class CephConfig(CephResource):
    """One object is one section: `options` has those that are set, by name."""

    plural = "sections"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the sections; an option that only has its default is in none."""
        found = sections(self.cluster.command({"prefix": "config dump"}))
        if wanted is None:
            return found
        return {item["name"]: found[item["name"]] for item in wanted if item["name"] in found}

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """Write values as the cluster does."""
        options = {name: None if value is None else text(value) for name, value in wanted["options"].items()}
        return wanted | {"options": options}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """One change for each option that differs; a null value means that it shall not be set."""
        have = (current or {"options": {}})["options"]
        changes = []
        for name, value in wanted["options"].items():
            before = have.get(name)
            if value is None and before is not None:
                changes.append(Change(name, before, None, "unset"))
            elif value is not None and (before is None or not same(text(before), value)):
                changes.append(Change(name, before, value))
        return changes

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Set and unset; the monitors refuse unknown options and values of the wrong type."""
        for change in changes:
            command: Object = {"who": wanted["name"], "name": change.field}
            if change.action == "unset":
                self.cluster.command({"prefix": "config rm", **command})
            else:
                self.cluster.command({"prefix": "config set", "value": change.after, **command})
