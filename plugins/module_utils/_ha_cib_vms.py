# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VMs' part of the CIB: a resource each, and where and in which order they are started. Pure.

Private to the collection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import combinations
from xml.etree.ElementTree import Element, SubElement

from ansible_collections.cairn.hci.plugins.module_utils._cib import TEMPLATE, Wanted, ident, operations, values
from ansible_collections.cairn.hci.plugins.module_utils._ha_cib import (
    DOMAIN,
    SHUTDOWN_TIMEOUT,
    STICKINESS,
    STOP_MARGIN,
)
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size

MIB = 1024**2
# More than the stickiness: a VM is moved, live, to be apart from or together with another.
AFFINITY = 2 * STICKINESS
# Less than the stickiness: the first of vm_prefer counts so much, each further one a tenth less of it.
PREFERENCE = 1_000
ALWAYS = "INFINITY"


def resource(name: str) -> str:
    """The resource of a VM."""
    return f"vm-{name}"


def primitive(spec: Object) -> Element:
    """A VM. Its size counts as it is defined; a running one may have more only after it has grown."""
    name = spec["name"]
    found = Element("primitive", id=resource(name), template=TEMPLATE)
    parameters = {"name": name}
    if spec["guest_shutdown"] != "stop":
        parameters["guest_shutdown"] = spec["guest_shutdown"]
    found.append(values("instance_attributes", "params", name, parameters))
    meta = {"target-role": "Stopped" if spec.get("power") == "stopped" else "Started", "priority": spec["priority"]}
    found.append(values("meta_attributes", "meta", name, meta))
    if spec.get("shutdown_timeout", SHUTDOWN_TIMEOUT) != SHUTDOWN_TIMEOUT:
        found.append(operations(name, {"name": "stop", "timeout": f"{spec['shutdown_timeout'] + STOP_MARGIN}s"}))
    found.append(values("utilization", "size", name, {"memory": mebibytes(spec["memory"]), "vcpus": spec["vcpus"]}))
    return found


def mebibytes(size: str) -> int:
    """A size in MiB, rounded up."""
    return -(-parse_size(size) // MIB)


def locations(spec: Object) -> Iterator[Element]:
    """The only nodes that may run a VM, and those that shall."""
    name = spec["name"]
    if spec["nodes"] is not None:
        found = Element("rsc_location", id=ident("nodes", name), rsc=resource(name))
        rule = SubElement(found, "rule", {"id": ident("nodes.rule", name), "score": f"-{ALWAYS}", "boolean-op": "and"})
        for number, node in enumerate(sorted(spec["nodes"]), 1):
            attributes = {"attribute": "#uname", "operation": "ne", "value": node}
            SubElement(rule, "expression", {"id": ident(f"nodes.{number}", name), **attributes})
        yield found
    for number, node in enumerate(spec["prefer"]):
        score = max(PREFERENCE - number * PREFERENCE // 10, 1)
        attributes = {"rsc": resource(name), "node": node, "score": str(score)}
        yield Element("rsc_location", {"id": ident(f"prefer-{number + 1}", name), **attributes})


def order(spec: Object, names: set[str]) -> Iterator[Element]:
    """The VMs that are started before this one when both are to be started; it does not wait for one that fails."""
    before = sorted(names & set(spec["start_after"]))
    if before:
        name = spec["name"]
        found = Element("rsc_order", {"id": ident("order", name), "kind": "Optional", "symmetrical": "false"})
        for kind, members in (("order.before", before), ("order.after", [name])):
            found.append(resource_set(ident(kind, name), members, sequential=False))
        yield found


def resource_set(own_id: str, names: list[str], *, sequential: bool = True) -> Element:
    """A set of VMs."""
    found = Element("resource_set", id=own_id, sequential=str(sequential).lower())
    for name in names:
        SubElement(found, "resource_ref", id=resource(name))
    return found


def labels(specs: list[Object], kind: str) -> dict[str, list[Object]]:
    """The labels that two VMs or more share, with those VMs by name."""
    found: dict[str, list[Object]] = {}
    for spec in sorted(specs, key=lambda spec: str(spec["name"])):
        for label in dict.fromkeys(spec[kind]):
            found.setdefault(label, []).append(spec)
    return {label: sharing for label, sharing in sorted(found.items()) if len(sharing) > 1}


def apart(label: str, sharing: list[Object]) -> Iterator[Element]:
    """VMs on different nodes: each of a set with a negative score is kept from all before it (Pacemaker's
    lib/pacemaker/pcmk_sched_colocation.c). Sets know no node-attribute, so failure domains need pairs.
    """
    score = f"-{ALWAYS if strict(sharing) else AFFINITY}"
    names = [spec["name"] for spec in sharing]
    if not by_domain(sharing):
        found = Element("rsc_colocation", id=ident("apart", label), score=score)
        found.append(resource_set(ident("apart.set", label), names))
        yield found
        return
    for one, other in combinations(names, 2):
        digest = hashlib.sha256(f"{label}/{one}/{other}".encode()).hexdigest()[:16]
        pair = {"rsc": resource(other), "with-rsc": resource(one), "node-attribute": DOMAIN}
        yield Element("rsc_colocation", {"id": ident("domain", digest), "score": score, **pair})


def together(label: str, sharing: list[Object]) -> Iterator[Element]:
    """VMs on one node; not those that shall be stopped, with which a strict one could not run."""
    names = [spec["name"] for spec in sharing if spec.get("power") != "stopped"]
    if len(names) > 1:
        found = Element(
            "rsc_colocation", id=ident("together", label), score=ALWAYS if strict(sharing) else str(AFFINITY)
        )
        found.append(resource_set(ident("together.set", label), names))
        yield found


def strict(sharing: list[Object]) -> bool:
    """Whether a label is binding: one of the VMs that share it says so."""
    return any(spec["affinity_strict"] for spec in sharing)


def by_domain(sharing: list[Object]) -> bool:
    """Whether a label means failure domains: one of the VMs that share it says so."""
    return any(spec["apart_by"] == "domain" for spec in sharing)


def vm_elements(specs: list[Object]) -> Wanted:
    """All of it, as pairs of section and element, of the plan's `ha_vms`.

    The largest come first: VMs that a lost node leaves are given a place in this order.
    """
    there = [spec for spec in specs if spec["state"] == "present"]
    names = {spec["name"] for spec in there}
    largest = sorted(there, key=lambda spec: (-parse_size(spec["memory"]), -spec["vcpus"], spec["name"]))
    found: Wanted = [("resources", primitive(spec)) for spec in largest]
    for spec in there:
        found += [("constraints", one) for one in (*locations(spec), *order(spec, names))]
    for label, sharing in labels(there, "apart").items():
        found += [("constraints", one) for one in apart(label, sharing)]
    for label, sharing in labels(there, "together").items():
        found += [("constraints", one) for one in together(label, sharing)]
    return found
