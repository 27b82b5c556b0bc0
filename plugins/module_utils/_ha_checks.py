# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with high availability as the inventory wants it: fencing, nodes, affinity, order. Pure.

Private to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.cairn.hci.plugins.module_utils import _ha_spare
from ansible_collections.cairn.hci.plugins.module_utils._ha_plan import PORTS, levels, node_ids, protected, watchdog
from ansible_collections.cairn.hci.plugins.module_utils._ha_spare import Bond
from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine, attempt, check_once
from ansible_collections.cairn.hci.plugins.module_utils._placement import Guest, Host
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems, nearest, some

# A label is part of the ids of the CIB.
_LABEL = re.compile(r"[a-z0-9][a-z0-9._-]*", re.IGNORECASE)


def check_names(inventory: Inventory, problems: Problems, bad: set[str]) -> None:
    """What the VMs' variables name: nodes, VMs and labels."""
    for vm in inventory.present():
        if vm.name in bad:
            continue
        for variable in ("vm_nodes", "vm_prefer"):
            for name in vm.get(variable):
                if name not in inventory.nodes:
                    remedy = nearest(name, inventory.nodes)
                    problems.add(vm.name, f"{variable}: {name} is no host of the group nodes; {remedy}")
        for variable in ("vm_apart", "vm_together"):
            for label in vm.get(variable):
                if not _LABEL.fullmatch(label):
                    text = f"{variable}: use letters, digits, dots, hyphens and underscores in the label {label!r}."
                    problems.add(vm.name, text)
        for sentence in _check_own(vm, inventory):
            problems.add(vm.name, sentence)


def _check_own(vm: Machine, inventory: Inventory) -> Iterator[str]:
    """A VM's variables beside each other."""
    for name in vm.get("vm_start_after"):
        other = inventory.vms.get(name)
        if other is None:
            yield f"vm_start_after: {name} is no host of the group vms; {nearest(name, inventory.vms)}"
        elif inventory.cluster("ha_enabled") and (not protected(vm, inventory) or not protected(other, inventory)):
            who = name if protected(vm, inventory) else "this VM"
            yield f"vm_start_after: {who} is not started by the cluster (vm_node, or vm_ha: false); remove {name}."
    chosen, node = vm.get("vm_nodes"), vm.get("vm_node")
    if chosen and node and node not in chosen:
        yield f"vm_node {node} is not among vm_nodes ({some(chosen)}); remove one of the two."
    outside = [name for name in vm.get("vm_prefer") if chosen and name in inventory.nodes and name not in chosen]
    if outside:
        yield f"vm_prefer: {some(outside)} is not among vm_nodes ({some(chosen)}); add it there, or remove it."


def check_order(inventory: Inventory, problems: Problems) -> None:
    """That no VM waits for itself."""
    before = {
        vm.name: [name for name in vm.get("vm_start_after") if name in inventory.vms] for vm in inventory.present()
    }
    done: set[str] = set()
    for start in before:
        way: list[str] = []
        circle = _circle(start, before, way, done)
        if circle:
            problems.add("", f"vm_start_after goes in a circle: {' after '.join(circle)}; break it at one of them.")
            return


def _circle(name: str, before: dict[str, list[str]], way: list[str], done: set[str]) -> list[str]:
    """The circle that a VM leads to, if any. `way` is how it was reached, `done` what is known to lead to none."""
    if name in way:
        return [*way[way.index(name) :], name]
    if name in done:
        return []
    way.append(name)
    for other in before.get(name, []):
        if found := _circle(other, before, way, done):
            return found
    done.add(way.pop())
    return []


def check_fencing(inventory: Inventory, problems: Problems) -> None:
    """That each node can be fenced, by a BMC that is its own and answers."""
    if not inventory.cluster("ha_fencing"):
        return
    members = attempt(Problems(), "", node_ids, inventory) or inventory.nodes
    # Each node has asked the BMC of another one.
    asked = [((node.facts or {}).get("ha") or {}).get("bmc") or {} for node in inventory.nodes.values()]
    errors = {one["name"]: one["error"] for one in asked if one.get("error")}
    for node in inventory.nodes.values():
        bmc = node.get("ha_bmc")
        if bmc and node.name in errors:
            error = errors[node.name].rstrip(".")
            problems.add(node.name, f"ha_bmc: {_place(bmc)}: {error}; correct ha_bmc, or the controller.")
        found, named = ((node.facts or {}).get("ha") or {}).get("watchdogs"), watchdog(node)
        if found is not None and named and named not in (*found, *(["/dev/watchdog"] if found else [])):
            problems.add(
                node.name,
                f"ha_watchdog: {named} is not there, and {some(found) or 'no other'} is; correct it, or have its "
                "driver loaded at every boot.",
            )
        # The watchdog of a node that gave no answer is not known.
        if not levels(node, inventory, node.name not in members) and (node.facts or node.get("ha_watchdog") == "none"):
            problems.add(
                node.name,
                "nothing can fence it when it is lost; give ha_bmc or a watchdog (ha_watchdog), accept the storage "
                "fence by itself with ha_storage_fencing: alone, or go without with ha_fencing: false.",
            )
    bmcs = [(node.name, node.get("ha_bmc")) for node in inventory.nodes.values() if node.get("ha_bmc")]
    check_once(((name, _place(bmc)) for name, bmc in bmcs if bmc["address"]), "ha_bmc", problems)


def _place(bmc: Object) -> str:
    """Where a BMC is."""
    return f"{bmc['address']} port {bmc['port'] or PORTS[bmc['type']]}"


def bonds(inventory: Inventory) -> list[Bond]:
    """The binding labels of the VMs that the cluster looks after; what one VM says of a label holds for all."""
    found = []
    for variable in ("vm_apart", "vm_together"):
        sharing: dict[str, list[Machine]] = {}
        for vm in inventory.present():
            for label in vm.get(variable) if protected(vm, inventory) else ():
                sharing.setdefault(label, []).append(vm)
        for label, vms in sharing.items():
            if len(vms) > 1 and any(vm.get("vm_affinity_strict") for vm in vms):
                by_domain = any(vm.get("vm_apart_by") == "domain" for vm in vms)
                found.append(Bond(label, frozenset(vm.name for vm in vms), variable == "vm_apart", by_domain))
    return found


def check_room(inventory: Inventory, guests: list[Guest], hosts: list[Host], problems: Problems) -> None:
    """That the VMs can be as the inventory binds them, also after the loss of any one node."""
    if inventory.cluster("ha_enabled"):
        domains = {name: node.get("ha_domain") or name for name, node in inventory.nodes.items()}
        for host, text in _ha_spare.check(hosts, guests, bonds(inventory), domains, inventory.cluster("ha_spare")):
            problems.add(host, text)


def check_size(inventory: Inventory, problems: Problems) -> None:
    """That the nodes can decide after the loss of one."""
    count = len(inventory.nodes)
    if count < 3 and not inventory.twice and inventory.cluster("preflight_allow_few_nodes"):
        problems.add(
            "",
            f"ha_enabled needs three nodes, so that two can decide when one is lost, and the group nodes has {count}; "
            "add nodes, or set ha_enabled: false.",
        )


def check_given_up(inventory: Inventory, problems: Problems) -> None:
    """That VMs are not taken from a cluster that goes on to keep them running."""
    members = [name for name, node in inventory.nodes.items() if ((node.facts or {}).get("ha") or {}).get("nodes")]
    if members:
        problems.add(
            "",
            f"ha_enabled is false, and Pacemaker keeps VMs running on {some(members)}; set vm_ha: false for the VMs "
            "instead, which takes them out of its care.",
        )


def check(inventory: Inventory, problems: Problems, bad: set[str]) -> None:
    """All checks that need neither room nor networks."""
    check_names(inventory, problems, bad)
    check_order(inventory, problems)
    if not inventory.cluster("ha_enabled"):
        check_given_up(inventory, problems)
    if inventory.cluster("ha_enabled"):
        check_size(inventory, problems)
        if not bad & inventory.nodes.keys():
            check_fencing(inventory, problems)
