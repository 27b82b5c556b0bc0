# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs on the move: what pulls them to a node for a while, and why one can't leave or can't go there. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, SubElement

from ansible_collections.cairn.hci.plugins.module_utils._cib import ident
from ansible_collections.cairn.hci.plugins.module_utils._ha_cib import STICKINESS
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

VM = "vm-"
# How the ids of constraints begin that last only as long as a node is drained or a VM moves.
DRAINED, MOVED = "drained-", "moved-"
# More than the stickiness and vm_prefer, less than vm_apart and vm_together. Nothing outweighs a forbidden node.
PULL = STICKINESS + STICKINESS // 2


def pull(identity: str, vm: str, node: str, score: int = PULL) -> Element:
    """A constraint that draws a VM to a node, or with a negative score away from it."""
    return Element("rsc_location", {"id": identity, "rsc": VM + vm, "node": node, "score": str(score)})


def pulls(cib: Element, kind: str) -> list[tuple[str, str, str]]:
    """The id, VM and node of each constraint of a kind."""
    return [
        (one.get("id", ""), one.get("rsc", "").removeprefix(VM), one.get("node", ""))
        for one in cib.iterfind("configuration/constraints/rsc_location")
        if one.get("id", "").startswith(kind)
    ]


def attributes(cib: Element, node: str) -> dict[str, str]:
    """A node's permanent attributes."""
    found = {}
    for entry in cib.iterfind("configuration/nodes/node"):
        if entry.get("uname") == node:
            for pair in entry.iterfind("instance_attributes/nvpair"):
                found[pair.get("name", "")] = pair.get("value", "")
    return found


def set_attribute(cib: Element, node: str, name: str, value: str | None) -> None:
    """Give a node a permanent attribute, where Pacemaker's own tools put it too; None takes it away."""
    for entry in cib.iterfind("configuration/nodes/node"):
        if entry.get("uname") != node:
            continue
        groups, own = entry.findall("instance_attributes"), f"nodes-{entry.get('id')}"
        for group in groups:
            for pair in [one for one in group if one.get("name") == name]:
                group.remove(pair)
        if value is not None:
            there = [group for group in groups if group.get("id") == own]
            group = there[0] if there else SubElement(entry, "instance_attributes", id=own)
            SubElement(group, "nvpair", id=f"{own}-{name}", name=name, value=value)


def vms(resources: Mapping[str, Object]) -> dict[str, Object]:
    """The resources that are VMs, by the VM's name."""
    return {name.removeprefix(VM): one for name, one in resources.items() if name.startswith(VM)}


def home(vm: Object) -> str | None:
    """The node that runs a VM."""
    return vm["nodes"][0] if vm["role"] != "Stopped" and vm["nodes"] else None


def usable(node: Object) -> bool:
    """Whether a node takes VMs."""
    return bool(node.get("online")) and not (node.get("standby") or node.get("maintenance") or node.get("unclean"))


def why_unusable(node: Object) -> str:
    """Why a node takes no VMs."""
    if not node.get("online"):
        return "offline"
    return "drained" if node.get("standby") else "in maintenance" if node.get("maintenance") else "to be fenced"


def able(cib: Element, vm: str) -> set[str] | None:
    """The only nodes that may run a VM (vm_nodes, and those that have its networks); None for all."""
    path = f"configuration/constraints/rsc_location[@id='{ident('nodes', vm)}']/rule/expression"
    return {one.get("value", "") for one in cib.iterfind(path)} or None


def size(element: Element | None) -> dict[str, int]:
    """The utilization of a resource, or the room of a node."""
    pairs = () if element is None else element.iterfind("utilization/nvpair")
    return {pair.get("name", ""): int(pair.get("value", "0")) for pair in pairs}


def room(cib: Element, node: str, running: Mapping[str, Object]) -> dict[str, int]:
    """What a node has left for VMs."""
    left = size(cib.find(f"configuration/nodes/node[@uname='{node}']"))
    for name, vm in running.items():
        if node in vm["nodes"]:
            for what, amount in size(primitive(cib, name)).items():
                left[what] = left.get(what, 0) - amount
    return left


def primitive(cib: Element, vm: str) -> Element | None:
    """The resource of a VM."""
    return cib.find(f"configuration/resources/primitive[@id='{VM}{vm}']")


def fits(needed: Mapping[str, int], left: Mapping[str, int]) -> bool:
    """Whether a VM fits into what is left; a node that says nothing takes any, as for Pacemaker."""
    return all(amount <= left.get(what, amount) for what, amount in needed.items())


def words(amounts: Mapping[str, int]) -> str:
    """Amounts as text."""
    parts = {"memory": "{} MiB", "vcpus": "{} vcpus"}
    return " and ".join(
        parts.get(what, what + " {}").format(max(amount, 0)) for what, amount in sorted(amounts.items())
    )


def why_not(cib: Element, running: Mapping[str, Object], vm: str, nodes: Iterable[str]) -> str:
    """Why none of these nodes, which take VMs, can take this one."""
    there, allowed = list(nodes), able(cib, vm)
    possible = [node for node in there if allowed is None or node in allowed]
    if not possible:
        only = ", ".join(sorted(allowed or ()))
        return f"only {only} may run it (vm_nodes, or the networks that it has)"
    needed = size(primitive(cib, vm))
    left = {node: room(cib, node, running) for node in possible}
    if not any(fits(needed, free) for free in left.values()):
        free = ", ".join(f"{node} has {words({what: left[node].get(what, 0) for what in needed})}" for node in possible)
        return f"it needs {words(needed)}, and {free} left"
    return (
        f"beside the other VMs there is no way to have it on {' or '.join(possible)}: the room, vm_apart, vm_together, "
        "or a failure there ('crm_mon -1') forbids it"
    )
