# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether all VMs could go on after the loss of any one node: room, able nodes, binding affinity. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.cairn.hci.plugins.module_utils._placement import Guest, Host
from ansible_collections.cairn.hci.plugins.module_utils._schema import some
from ansible_collections.cairn.hci.plugins.module_utils._status import human


@dataclass(frozen=True)
class Bond:
    """A binding label: VMs that must be on different nodes (or failure domains), or on one node."""

    label: str
    vms: frozenset[str]
    apart: bool
    by_domain: bool = False


@dataclass
class Unit:
    """VMs that must be on one node; most often a single VM."""

    guests: list[Guest]
    able: set[str] = field(default_factory=set)

    @property
    def names(self) -> set[str]:
        """The names of the VMs."""
        return {guest.name for guest in self.guests}

    @property
    def whole(self) -> Guest:
        """Them as one."""
        memory, vcpus = sum(guest.memory for guest in self.guests), sum(guest.vcpus for guest in self.guests)
        return Guest(min(self.names), memory, vcpus)


def units(guests: list[Guest], bonds: list[Bond], nodes: list[str]) -> list[Unit]:
    """The VMs, those that must be together as one, each with the nodes that are able to run all of it."""
    groups = {guest.name: {guest.name} for guest in guests}
    for bond in bonds:
        if not bond.apart:
            together = set().union(*(groups[name] for name in bond.vms if name in groups))
            groups |= dict.fromkeys(together, together)
    found = []
    for guest in guests:
        if min(groups[guest.name]) == guest.name:
            members = [one for one in guests if one.name in groups[guest.name]]
            able = set(nodes).intersection(*(one.among or nodes for one in members))
            found.append(Unit(members, able))
    return found


def contradictions(found: list[Unit], bonds: list[Bond]) -> Iterator[str]:
    """VMs that must be together and apart, and those that must be together and share no node."""
    for bond in (bond for bond in bonds if bond.apart):
        for unit in found:
            both = sorted(unit.names & bond.vms)
            if len(both) > 1:
                yield (
                    f"vm_affinity_strict: {some(both)} must be apart (vm_apart {bond.label}) and on one node "
                    "(vm_together); remove one of the two."
                )
    for unit in found:
        if not unit.able and len(unit.guests) > 1:
            yield (
                f"vm_together: {some(sorted(unit.names))} must be on one node, and no node has the networks of all or "
                "is in vm_nodes of all; correct these, or take out vm_affinity_strict."
            )


def too_many(found: list[Unit], bonds: list[Bond], domains: dict[str, str]) -> Iterator[str]:
    """Labels with more VMs that must be apart than there are nodes or failure domains for them."""
    for bond in (bond for bond in bonds if bond.apart):
        able = set().union(*(unit.able for unit in found if unit.names & bond.vms))
        places = {domains[name] for name in able} if bond.by_domain else able
        if len(bond.vms) > len(places):
            kind = "failure domains (ha_domain)" if bond.by_domain else "nodes"
            yield (
                f"vm_apart {bond.label}: {len(bond.vms)} VMs ({some(sorted(bond.vms))}) must be apart and have "
                f"{len(places)} {kind} that can run them; take fewer, or take out vm_affinity_strict."
            )


def homeless(found: list[Unit], hosts: list[Host], bonds: list[Bond], domains: dict[str, str]) -> list[str]:
    """The VMs without a place on these nodes: the best of two ways to fill them, the hardest to place first."""
    there = {host.name for host in hosts}
    order = sorted(
        found, key=lambda unit: (len(unit.able & there), -unit.whole.memory, -unit.whole.vcpus, unit.whole.name)
    )
    answers = [_fill(order, hosts, bonds, domains, spread) for spread in (True, False)]
    return min(answers, key=len)


def _fill(order: list[Unit], hosts: list[Host], bonds: list[Bond], domains: dict[str, str], spread: bool) -> list[str]:
    """Place each where most memory is left (`spread`), else where it fits most tightly."""
    left = [Host(host.name, host.memory, host.vcpus) for host in hosts]
    apart = [bond for bond in bonds if bond.apart]
    taken: dict[str, set[str]] = {bond.label: set() for bond in apart}
    without: list[str] = []
    for unit in order:
        own, whole = [bond for bond in apart if bond.vms & unit.names], unit.whole
        able = [
            host
            for host in left
            if host.name in unit.able
            and host.holds(whole)
            and not any(_place(bond, host.name, domains) in taken[bond.label] for bond in own)
        ]
        if not able:
            without += sorted(unit.names)
            continue
        host = (max if spread else min)(able, key=lambda host: (host.memory, host.vcpus))
        host.take(whole)
        for bond in own:
            taken[bond.label].add(_place(bond, host.name, domains))
    return without


def _place(bond: Bond, node: str, domains: dict[str, str]) -> str:
    """What the VMs of a label must not share."""
    return domains[node] if bond.by_domain else node


def alone(found: list[Unit], hosts: list[Host]) -> Iterator[tuple[str, str]]:
    """The VMs that only one node can run, and why."""
    for unit in found:
        able = [host for host in hosts if host.name in unit.able]
        fits = [host for host in able if host.holds(unit.whole)]
        if len(fits) > 1:
            continue
        names, where = sorted(unit.names), fits[0].name if fits else "no node"
        if len(able) < 2:
            why = "the only one in vm_nodes that has its networks"
        else:
            memory = human(unit.whole.memory)
            why = f"the only one with {memory} of memory and {unit.whole.vcpus} vcpus for it"
        for name in names:
            yield (
                name,
                (
                    f"only {where} can run it, {why}; it would be lost with that node. Let it run on a second one, "
                    "bind it to the node with vm_node, or accept that with ha_spare: false."
                ),
            )


def check(
    hosts: list[Host], guests: list[Guest], bonds: list[Bond], domains: dict[str, str], spare: bool
) -> list[tuple[str, str]]:
    """All that is wrong, as pairs of host and sentence. `spare` asks for room after the loss of any one node."""
    nodes = [host.name for host in hosts]
    found = units(guests, bonds, nodes)
    wrong = [("", text) for text in (*contradictions(found, bonds), *too_many(found, bonds, domains))]
    if wrong or not spare:
        return wrong
    wrong = list(alone(found, hosts))
    if wrong:
        return wrong
    for lost in nodes:
        without = homeless(found, [host for host in hosts if host.name != lost], bonds, domains)
        if without:
            wrong.append(
                (
                    "",
                    f"If {lost} is lost, the other nodes have no place for {some(without)}; make VMs smaller or "
                    "fewer, add a node, or accept that with ha_spare: false.",
                )
            )
    return wrong
