# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node runs which VM: deterministic, and never more than a node holds. Pure.

Private to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._status import human


@dataclass(frozen=True)
class Guest:
    """What a VM needs. `node` is where it must be (vm_node), `home` where its domain is, `among` where it can be.

    `settled`: it is there already and needs no more than it has, so it is never refused.
    """

    name: str
    memory: int
    vcpus: int
    node: str | None = None
    home: str | None = None
    among: frozenset[str] | None = None
    settled: bool = False


@dataclass
class Host:
    """What a node has left for VMs: memory in bytes, and vcpus."""

    name: str
    memory: int
    vcpus: float

    def holds(self, guest: Guest) -> bool:
        """Whether there is room for the guest."""
        return guest.memory <= self.memory and guest.vcpus <= self.vcpus

    def take(self, guest: Guest) -> None:
        """Give the guest its room."""
        self.memory -= guest.memory
        self.vcpus -= guest.vcpus


def check_sizes(hosts: list[Host], guests: list[Guest]) -> list[str]:
    """The sentences about VMs that no node can hold even when it is empty, and about all of them together."""
    errors = []
    new = [guest for guest in guests if not guest.settled]
    for guest in new:
        able = [host for host in hosts if guest.among is None or host.name in guest.among]
        if able and not any(host.holds(guest) for host in able):
            memory, vcpus = max(host.memory for host in able), max(host.vcpus for host in able)
            errors.append(
                f"{guest.name}: vm_memory {human(guest.memory)} and vm_vcpus {guest.vcpus} are more than any node has "
                f"for VMs (at most {human(memory)} and {vcpus:g} vcpus); make the VM smaller."
            )
    for what, needed, there, text in (
        ("vm_memory", sum(guest.memory for guest in guests), sum(host.memory for host in hosts), human),
        ("vm_vcpus", sum(guest.vcpus for guest in guests), int(sum(host.vcpus for host in hosts)), str),
    ):
        if needed > there and new and not errors:
            errors.append(
                f"All VMs together need {text(needed)} of {what}, the cluster has {text(there)} for VMs; "
                "make VMs smaller or add a node."
            )
    return errors


def place(hosts: list[Host], guests: list[Guest]) -> dict[str, str]:
    """Return the node of each VM. Raise ResourceError with a sentence for each that has no room.

    VMs with vm_node first, then those that exist, which stay; the others spread, the largest first, each to the node
    that has most memory left.
    """
    left = {host.name: Host(host.name, host.memory, host.vcpus) for host in hosts}
    errors = check_sizes(hosts, guests)
    if errors:
        raise ResourceError("\n".join(errors))
    placed: dict[str, str] = {}
    fixed = [guest for guest in guests if guest.node or guest.home in left]
    for guest in sorted(fixed, key=lambda guest: (guest.node is None, guest.name)):
        host = left[guest.node or str(guest.home)]
        if not (guest.settled or host.holds(guest)):
            errors.append(_no_room(guest, host))
            continue
        host.take(guest)
        placed[guest.name] = host.name
    rest = sorted(
        (guest for guest in guests if guest not in fixed), key=lambda guest: (-guest.memory, -guest.vcpus, guest.name)
    )
    for spread in (True, False):
        attempt = {name: Host(host.name, host.memory, host.vcpus) for name, host in left.items()}
        found, homeless = _fill(attempt, rest, spread)
        if not homeless:
            break
    errors += [
        f"{guest.name}: no node has {human(guest.memory)} of memory and {guest.vcpus} vcpus left beside the other VMs; "
        "make VMs smaller, move some with vm_node, or add a node."
        for guest in homeless
    ]
    if errors:
        raise ResourceError("\n".join(errors))
    return placed | found


def _fill(left: dict[str, Host], guests: list[Guest], spread: bool) -> tuple[dict[str, str], list[Guest]]:
    """Place guests: each where most memory is left (`spread`), else where it fits most tightly."""
    placed: dict[str, str] = {}
    homeless = []
    order = list(left)
    for guest in guests:
        able = [
            host for host in left.values() if host.holds(guest) and (guest.among is None or host.name in guest.among)
        ]
        if not able:
            homeless.append(guest)
            continue
        sign = -1 if spread else 1
        host = min(able, key=lambda host: (sign * host.memory, sign * host.vcpus, order.index(host.name)))
        host.take(guest)
        placed[guest.name] = host.name
    return placed, homeless


def _no_room(guest: Guest, host: Host) -> str:
    """The sentence about a VM that does not fit where it must be."""
    why = "by vm_node" if guest.node else "where it is now"
    return (
        f"{guest.name}: {host.name}, {why}, has only {human(max(host.memory, 0))} of memory and {max(host.vcpus, 0):g} "
        f"vcpus left for its {human(guest.memory)} and {guest.vcpus}; make VMs smaller, or stop it and set vm_node."
    )
