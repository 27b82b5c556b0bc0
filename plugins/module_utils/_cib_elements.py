# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements of Pacemaker's CIB, as a resource: all changes in one patch, and nothing but the named elements is touched.

Private to the collection.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from ansible_collections.cairn.hci.plugins.module_utils import _pacemaker
from ansible_collections.cairn.hci.plugins.module_utils._cib import cluster_ids, merge, name_of, same
from ansible_collections.cairn.hci.plugins.module_utils._resource import (
    Change,
    NotInstalled,
    Object,
    Resource,
    ResourceError,
)


def by_id(cib: ET.Element) -> dict[str, tuple[str, ET.Element]]:
    """The elements of a CIB's configuration, with their sections, by `name_of`."""
    found = {}
    for section in cib.find("configuration") or ():
        for element in section:
            found[name_of(section.tag, element)] = section.tag, element
    return found


def text(element: ET.Element) -> str:
    """An element in a spelling that can be compared by eye."""
    return ET.canonicalize(ET.tostring(element, "unicode"), strip_text=True)


class CibElements(Resource):
    """Elements by their id; entries of nodes by nodes/NAME."""

    plural = "elements"

    def expand(self, items: list[Object]) -> list[Object]:
        """With `purge`, also those that the collection once wrote for the cluster and that are not named any more."""
        if not self.params["purge"]:
            return items
        try:
            self.open()
            there = cluster_ids(_pacemaker.query())
        except NotInstalled:
            return items
        gone = there - {item["name"] for item in items}
        return [*items, *({"name": name, "state": "absent"} for name in sorted(gone))]

    def open(self) -> None:
        """Wait for the cluster."""
        _pacemaker.wait_ready(self.params["timeout"])

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """The elements; with one query."""
        self.cib = _pacemaker.query()
        found = by_id(self.cib)
        names = found if wanted is None else [item["name"] for item in wanted if item["name"] in found]
        return {name: {"name": name, "section": found[name][0], "xml": text(found[name][1])} for name in names}

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """The element as it is after it has been merged into what is there."""
        if wanted["state"] == "absent":
            return wanted
        element = self.element(wanted)
        if current is not None:
            element = by_id(merge(self.cib, [(wanted["section"], element)], ()))[wanted["name"]][1]
            if same(element, by_id(self.cib)[wanted["name"]][1]):
                return wanted | {"xml": current["xml"]}
        return wanted | {"xml": text(element)}

    @staticmethod
    def element(item: Object) -> ET.Element:
        """The element that an option says. Raise ResourceError for what is no XML, or of another id."""
        try:
            element = ET.fromstring(item["xml"] or "")
        except ET.ParseError as error:
            raise ResourceError(f"{item['name']}: its xml is no XML ({error}).") from error
        if item["name"] != name_of(item["section"], element):
            raise ResourceError(f"{item['name']}: its xml has the id {element.get('id')}.")
        return element

    def apply_all(self, work: list[tuple[Object | None, Object, list[Change]]]) -> None:
        """All in one patch of the CIB as it is now."""
        cib = _pacemaker.query()
        put = [(item["section"], self.element(item)) for _current, item, _changes in work if item["state"] != "absent"]
        gone = [item["name"] for _current, item, _changes in work if item["state"] == "absent"]
        _pacemaker.patch(cib, merge(cib, put, gone))
