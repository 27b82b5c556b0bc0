# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a node can be emptied and then go down, and what blocks it. Pure.

Private to the collection.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Set
from xml.etree.ElementTree import Element

from ansible_collections.cairn.hci.plugins.module_utils import _moves
from ansible_collections.cairn.hci.plugins.module_utils._cib import merge
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

STANDBY = "standby"


def drained(cib: Element, names: Set[str], running: Mapping[str, Object]) -> Element:
    """A CIB in which these nodes give their VMs away, and remember them."""
    guests = {vm for _id, vm, _node in _moves.pulls(cib, _moves.DRAINED)}
    wanted = [
        ("constraints", _moves.pull(f"{_moves.DRAINED}{name}-{vm}", vm, name))
        for name in sorted(names)
        for vm, now in sorted(running.items())
        # A VM that is only here until another node takes it back belongs there.
        if _moves.home(now) == name and vm not in guests
    ]
    made = merge(cib, wanted, ())
    for name in names:
        _moves.set_attribute(made, name, STANDBY, "on")
    return made


def undrained(cib: Element, names: Set[str], *, forget: bool) -> Element:
    """A CIB in which these nodes take VMs again; `forget` which ones they had."""
    gone = [one for one, _vm, node in _moves.pulls(cib, _moves.DRAINED) if node in names] if forget else []
    made = merge(cib, [], gone) if gone else copy.deepcopy(cib)
    for name in names:
        _moves.set_attribute(made, name, STANDBY, None)
    return made


def availability(cib: Element, name: str) -> str:
    """What a node is there for: `active`, `drained`, or `returning`, which is taking back the VMs that it had."""
    if _moves.attributes(cib, name).get(STANDBY) in {"on", "true", "yes", "1"}:
        return "drained"
    return "returning" if any(node == name for _id, _vm, node in _moves.pulls(cib, _moves.DRAINED)) else "active"


def node_blockers(name: str, nodes: Mapping[str, Object], leaving: Set[str], members: Set[str]) -> Iterator[str]:
    """What of the nodes blocks the drain of one: `leaving` are drained in the same step, `members` vote."""
    if not nodes[name].get("online"):
        yield f"{name} is offline; there is nothing to drain."
        return
    others = {other: state for other, state in nodes.items() if other != name}
    if not any(_moves.usable(state) and other not in leaving for other, state in others.items()):
        states = ", ".join(
            f"{other} is {'to be drained, too' if other in leaving else _moves.why_unusable(state)}"
            for other, state in sorted(others.items())
        )
        yield f"{name} is the last node that could take the load: {states or 'there is no other'}."
        return
    yield from quorum_blockers(name, nodes, leaving, members)


def quorum_blockers(name: str, nodes: Mapping[str, Object], leaving: Set[str], members: Set[str]) -> Iterator[str]:
    """Whether the members that are left keep the quorum when this node, and those that are drained, go down."""
    if name not in members:
        return
    away = {other: "drained" for other in members - {name} if other in leaving or nodes[other].get(STANDBY)}
    away |= {other: "offline" for other in members - {name} if not nodes[other].get("online")}
    left, needed = len(members) - len(away) - 1, len(members) // 2 + 1
    if left < needed:
        why = " and ".join(f"{other} is {state}" for other, state in sorted(away.items()))
        yield (
            f"Without {name} there would be no quorum: {f'{why}, so ' if why else ''}only {left} of {len(members)} "
            f"nodes would be left, and {needed} are needed."
        )


def vm_blockers(
    name: str, cib: Element, nodes: Mapping[str, Object], running: Mapping[str, Object], after: Mapping[str, Object]
) -> Iterator[str]:
    """The VMs that would not run any more: `after` is where Pacemaker would have them."""
    taking = [other for other, state in nodes.items() if other != name and _moves.usable(state)]
    for vm, now in sorted(running.items()):
        then = after.get(vm)
        lost = then is None or _moves.home(then) in (None, name)
        if _moves.home(now) == name and now["target_role"] != "Stopped" and lost:
            yield f"{vm} can't leave {name}: {_moves.why_not(cib, after, vm, taking)}."
        elif _moves.home(now) not in (None, name) and lost:
            yield f"{vm}, on {_moves.home(now)}, would be stopped to make room."


def takers(leaving: Set[str], running: Mapping[str, Object], after: Mapping[str, Object]) -> set[str]:
    """The nodes that would take the VMs of those that are drained."""
    moving = [vm for vm, now in running.items() if _moves.home(now) in leaving]
    return {node for vm in moving if vm in after and (node := _moves.home(after[vm])) and node not in leaving}


def domain_blockers(name: str, domains: Mapping[str, list[str]]) -> Iterator[str]:
    """Running domains of the node alone, each with the devices of the node that it has."""
    for domain, devices in sorted(domains.items()):
        why = f"it has the device {', '.join(devices)} of the node" if devices else "it has vm_node or vm_ha: false"
        yield f"{domain} can't leave {name}: {why}; shut it down first, or let it go down with the node."


def devices(xml: Element) -> list[str]:
    """The node's devices that are passed through to a domain, by their addresses."""
    found = []
    for one in xml.iterfind("devices/hostdev"):
        place = one.find("source/address")
        keys = ("domain", "bus", "slot", "function")
        values = [int(place.get(key, "0"), 0) for key in keys] if place is not None and place.get("slot") else None
        found.append("{:04x}:{:02x}:{:02x}.{:x}".format(*values) if values else str(one.get("type", "of an own kind")))
    return found
