# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The elements of Pacemaker's CIB: making, comparing, and merging ours into one that has others' too. Pure.

An id of ours is `cairn-KIND-NAME`; KIND comes first, so that no two names can make the same id.

Private to the collection.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, SubElement

from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

Wanted = list[tuple[str, Element]]
TEMPLATE = "cairn-vm"
PROPERTIES = "cairn-properties"
# What an interrupted destroy.yml leaves: nothing would be moved or restarted any more.
DESTROY = "cairn-destroy"
REMOTE = "cairn-remote"
CLUSTER_CONSTRAINTS = ("cairn-off-", "cairn-there-")
VM_CONSTRAINTS = tuple(f"cairn-{kind}-" for kind in ("nodes", "prefer", "apart", "domain", "together", "order"))


def ident(kind: str, name: str) -> str:
    """An id of ours."""
    return f"cairn-{kind}-{name}"


def name_of(section: str, element: Element) -> str:
    """What tells an element from all others: its id; of a node's entry nodes/NAME, for a remote node has a resource of
    its name.
    """
    return f"nodes/{element.get('uname')}" if section == "nodes" else element.get("id") or element.tag


def values(tag: str, kind: str, name: str, pairs: Mapping[str, object]) -> Element:
    """A set of name-value pairs, such as instance_attributes, meta_attributes or utilization."""
    found = Element(tag, id=ident(kind, name))
    for key, value in pairs.items():
        SubElement(found, "nvpair", id=ident(f"{kind}.{key}", name), name=key, value=str(value))
    return found


def operations(name: str, *ops: Mapping[str, str]) -> Element:
    """The operations of a resource."""
    found = Element("operations")
    for op in ops:
        SubElement(found, "op", {"id": ident(f"op.{op['name']}", name), "interval": "0", **op})
    return found


def same(one: Element, other: Element) -> bool:
    """Whether two elements mean the same: only members of a resource_set have an order."""
    if one.tag != other.tag or one.attrib != other.attrib or len(one) != len(other):
        return False
    pairs = (
        zip(one, other, strict=True) if one.tag == "resource_set" else zip(_sorted(one), _sorted(other), strict=True)
    )
    return all(same(left, right) for left, right in pairs)


def _sorted(element: Element) -> list[Element]:
    """The children in an order that does not depend on how they are written."""
    return sorted(element, key=lambda child: (child.tag, child.get("id", "")))


def cluster_ids(cib: Element) -> set[str]:
    """The ids in a CIB that `_ha_cib.cluster_elements` once made."""
    levels = cib.iterfind("configuration/fencing-topology/fencing-level")
    found = {PROPERTIES, TEMPLATE} | {one.get("id", "") for one in levels if one.get("id", "").startswith("cairn-")}
    if cib.find(f"configuration/crm_config/cluster_property_set[@id='{DESTROY}']") is not None:
        found.add(DESTROY)
    for primitive in cib.iterfind("configuration/resources/primitive"):
        name, remote = primitive.get("id", ""), primitive.find("instance_attributes")
        if primitive.get("class") == "stonith" and name.startswith(("fence-bmc-", "fence-storage", "watchdog")):
            found.add(name)
        if primitive.get("type") == "remote" and remote is not None and remote.get("id", "").startswith(REMOTE):
            found.add(name)
    return found | _constraints(cib, CLUSTER_CONSTRAINTS)


def vm_ids(cib: Element) -> set[str]:
    """The ids in a CIB that `_ha_cib_vms.vm_elements` once made."""
    primitives = cib.iterfind(f"configuration/resources/primitive[@template='{TEMPLATE}']")
    return {primitive.get("id", "") for primitive in primitives} | _constraints(cib, VM_CONSTRAINTS)


def _constraints(cib: Element, prefixes: tuple[str, ...]) -> set[str]:
    """The ids of constraints that begin so."""
    section = cib.find("configuration/constraints")
    return {one.get("id", "") for one in (() if section is None else section) if one.get("id", "").startswith(prefixes)}


def merge(cib: Element, wanted: Wanted, ours: Iterable[str]) -> Element:
    """A copy of a CIB with `wanted` in it, and without those elements of the ids `ours` that are not wanted any more.

    Nothing else is touched; what means the same already stays as it is. Raise ResourceError for a text that is no CIB.
    """
    made = copy.deepcopy(cib)
    configuration = made.find("configuration")
    if configuration is None:
        raise ResourceError("The CIB has no configuration; see 'cibadmin --query' on the node.")
    lost = set(ours) - {element.get("id", "") for _section, element in wanted}
    for section in configuration:
        if section.tag != "nodes":
            for element in [child for child in section if child.get("id") in lost]:
                section.remove(element)
    for tag, elements in _by_section(wanted).items():
        found = configuration.find(tag)
        section = SubElement(configuration, tag) if found is None else found
        if tag == "nodes":
            _merge_nodes(section, elements)
        else:
            _put(section, elements)
    return made


def _by_section(wanted: Wanted) -> dict[str, list[Element]]:
    """The elements of each section."""
    found: dict[str, list[Element]] = {}
    for tag, element in wanted:
        found.setdefault(tag, []).append(element)
    return found


def _put(parent: Element, elements: Iterable[Element]) -> None:
    """Put each element where that of its id is, or at the end."""
    places = {child.get("id"): place for place, child in enumerate(parent)}
    for element in elements:
        place = places.get(element.get("id"))
        if place is None:
            parent.append(copy.deepcopy(element))
        elif not same(parent[place], element):
            parent[place] = copy.deepcopy(element)


def _merge_nodes(nodes: Element, wanted: Iterable[Element]) -> None:
    """Put our sets into the nodes' entries, found by name: their other attributes and their ids are Pacemaker's."""
    there = {node.get("uname"): node for node in nodes}
    for element in wanted:
        node = there.get(element.get("uname"))
        if node is None:
            nodes.append(copy.deepcopy(element))
        else:
            _put(node, element)
