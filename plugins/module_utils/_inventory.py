# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory as a whole: nodes, VMs, networks, and the checks that need no answer of a node. Pure.

Private to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.cairn.hci.plugins.module_utils import _addresses
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems, nearest, some
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size

# What is one thing for the whole cluster, wherever in the inventory it is written.
CLUSTER_WIDE = (
    "ceph_monitors",
    "ceph_pools",
    "ceph_keys",
    "ceph_config",
    "network_overlays",
    "ha_enabled",
    "ha_fencing",
    "ha_storage_fencing",
    "ha_watchdog_timeout",
    "ha_token",
    "ha_members_max",
    "ha_spare",
    "ha_migration_network",
    "ha_migrations",
    "preflight_allow_few_nodes",
    "preflight_max_clock_skew",
)
T = TypeVar("T")
_NODE_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)
_VM_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.IGNORECASE)
_MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")


@dataclass
class Machine:
    """A node or a VM. `address` is ansible_host as an IP address, `reached` that as it is written.

    `given` are the variables that the inventory has a value for; the others in `vars` have their defaults.
    """

    name: str
    place: int
    vars: Object
    reached: str
    address: _addresses.Address | None
    user: str | None = None
    given: frozenset[str] = frozenset()
    facts: Object | None = None

    def get(self, variable: str) -> Any:
        """A variable with its default."""
        return self.vars.get(variable)


@dataclass
class Inventory:
    """Everything that a plan is made from. `images` are those of the controller that were looked at, by name.

    `vm_devices` are the addresses of the PCI devices of each VM, `kept_devices` how each node's are meant.
    `storage_vms` are the VMs that run the OSDs of their node, `osd_disks` what each has of the node's disks.
    `twice`: a host is written twice, so another one may be missing.
    """

    nodes: dict[str, Machine]
    vms: dict[str, Machine]
    images: dict[str, Object] = field(default_factory=dict)
    ssh_keys: list[str] = field(default_factory=list)
    twice: bool = False
    vm_devices: dict[str, list[str]] = field(default_factory=dict)
    kept_devices: dict[str, list[Object]] = field(default_factory=dict)
    storage_vms: list[str] = field(default_factory=list)
    osd_disks: dict[str, list[Object]] = field(default_factory=dict)

    def cluster(self, variable: str) -> Any:
        """The value of a variable that is the same for all nodes."""
        return next((node.get(variable) for node in self.nodes.values()), None)

    def answered(self) -> bool:
        """Whether all nodes did; what one of them did not tell can't be said to be missing."""
        return all(node.facts for node in self.nodes.values())

    def networks(self) -> set[str]:
        """The bridges and overlays that are declared."""
        return {
            name
            for node in self.nodes.values()
            for variable in ("network_bridges", "network_overlays")
            for name in node.get(variable) or {}
        }

    def present(self) -> list[Machine]:
        """The VMs that shall exist."""
        return [vm for vm in self.vms.values() if vm.get("vm_state") == "present"]

    def guests(self) -> list[Machine]:
        """Those of them whose disks are in the cluster."""
        return [vm for vm in self.present() if vm.name not in self.storage_vms]

    def storage(self) -> list[Machine]:
        """Those of them that run OSDs, and so have their own disk on their node."""
        return [vm for vm in self.present() if vm.name in self.storage_vms]

    def having(self, network: str) -> list[Machine]:
        """The nodes that have a network: as a bridge or overlay of the inventory, or a bridge that is there already."""
        return [
            node
            for node in self.nodes.values()
            if network in node.get("network_bridges")
            or network in (node.get("network_overlays") or {})
            or network in (node.facts or {}).get("bridges", [])
        ]


def monitors(inventory: Inventory) -> list[str]:
    """The nodes with a monitor: ceph_monitors, or the first three; of two nodes only the first."""
    chosen = inventory.cluster("ceph_monitors")
    return list(chosen) if chosen else list(inventory.nodes)[: 3 if len(inventory.nodes) > 2 else 1]


def forget_doubles(inventory: Inventory) -> None:
    """Forget what a node with the address of another one answered, which was that one's answer."""
    addresses = set()
    for node in inventory.nodes.values():
        if node.address in addresses:
            node.facts = None
        elif node.address is not None:
            addresses.add(node.address)


def pools(inventory: Inventory) -> list[str]:
    """The pools that shall exist."""
    declared = inventory.cluster("ceph_pools") or {"vms": {}}
    return [name for name, options in declared.items() if options.get("state") != "absent"]


def first_pool(inventory: Inventory) -> str:
    """The pool of the VMs' disks."""
    return next(iter(pools(inventory)), "vms")


def mac_address(text: str) -> str:
    """A MAC address in the spelling of the kernel."""
    return text.lower().replace("-", ":")


def attempt(problems: Problems, host: str, check: Callable[..., T], *arguments: Any) -> T | None:
    """Run a check; what it raises becomes a problem of the host."""
    try:
        return check(*arguments)
    except ResourceError as error:
        for line in str(error).splitlines():
            problems.add(host, line)
        return None


def check_names(inventory: Inventory, problems: Problems) -> None:
    """Names that a host or a guest can bear, each once."""
    short: dict[str, str] = {}
    for name in inventory.nodes:
        if not _NODE_NAME.fullmatch(name):
            problems.add(name, "a node's name is its host name; use letters, digits and hyphens.")
        other = short.setdefault(name.partition(".")[0].lower(), name)
        if other != name:
            problems.add("", f"The nodes {other} and {name} have one host name; rename one of them.")
    for name in inventory.vms:
        if not _VM_NAME.fullmatch(name):
            problems.add(name, "use letters, digits, dots, hyphens and underscores in the name of a VM.")
    for name in inventory.nodes.keys() & inventory.vms.keys():
        problems.add(name, "it is in the group nodes and in the group vms; take it out of one.")


def check_size(inventory: Inventory, problems: Problems) -> None:
    """How many nodes and monitors there are."""
    count = len(inventory.nodes)
    if count < 3 and not inventory.twice and not inventory.cluster("preflight_allow_few_nodes"):
        problems.add(
            "",
            f"The group nodes has {count} of the three nodes that a cluster needs to survive the loss of one; "
            "add nodes, or accept that with preflight_allow_few_nodes: true.",
        )
    chosen = monitors(inventory)
    for name in chosen:
        if name not in inventory.nodes:
            problems.add("", f"ceph_monitors: {name} is no host of the group nodes; {nearest(name, inventory.nodes)}")
    if len(set(chosen)) < len(chosen):
        problems.add("", "ceph_monitors names a node more than once; name each once.")
    elif chosen and len(chosen) % 2 == 0:
        problems.add(
            "",
            f"ceph_monitors has {len(chosen)} monitors ({some(chosen)}), which survive no more than {len(chosen) - 1} "
            "do; take an odd number.",
        )


def check_cluster_wide(inventory: Inventory, problems: Problems) -> None:
    """What is one thing for the cluster must not differ between nodes."""
    first, *others = inventory.nodes.values()
    for node in others:
        for name in CLUSTER_WIDE:
            if node.get(name) != first.get(name):
                problems.add(
                    "", f"{name} differs between {first.name} and {node.name}; set it once, for the group nodes."
                )
        cidrs = [(one.get("network_storage") or {}).get("cidr") for one in (first, node)]
        if cidrs[0] != cidrs[1]:
            problems.add(
                "",
                f"network_storage.cidr is {cidrs[0]} on {first.name} and {cidrs[1]} on {node.name}; "
                "set it once, for the group nodes.",
            )


def check_once(
    values: Iterable[tuple[str, object]], what: str, problems: Problems, taken: dict[object, str] | None = None
) -> None:
    """That no two machines have the same of something. `taken` has owners that were compared with each other before."""
    owners = dict(taken or {})
    for owner, value in values:
        other = owners.setdefault(value, owner)
        if other != owner:
            problems.add("", f"{other} and {owner} have the same {what} {value}; give one of them another.")


def check_vm(vm: Machine, inventory: Inventory, problems: Problems) -> None:
    """One VM by itself."""
    if vm.get("vm_node") and vm.get("vm_node") not in inventory.nodes:
        unknown = vm.get("vm_node")
        problems.add(vm.name, f"vm_node: {unknown} is no host of the group nodes; {nearest(unknown, inventory.nodes)}")
    for name in ("vm_memory", "vm_vcpus"):
        least, most = vm.get(name), vm.get(f"{name}_max")
        if most is not None and (parse_size(most) < parse_size(least) if name == "vm_memory" else most < least):
            problems.add(vm.name, f"{name}_max {most} is less than {name} {least}; raise it or remove it.")
    for number, nic in enumerate(vm.get("vm_nics")):
        if nic.get("mac") and not _MAC.fullmatch(mac_address(nic["mac"])):
            problems.add(
                vm.name,
                f"vm_nics[{number}].mac: {nic['mac']!r} is not the MAC address of one interface; write one such as "
                "52:54:00:12:34:56, or leave it out.",
            )
    check_disks(vm, inventory, problems)


def check_disks(vm: Machine, inventory: Inventory, problems: Problems) -> None:
    """The disks of a VM: each with a name of its own, a pool that there is, and something that says its size."""
    there, names = pools(inventory), set()
    for number, disk in enumerate(vm.get("vm_disks")):
        where, name = f"vm_disks[{number}]", disk.get("name") or f"disk{number}"
        if name in names or name == "seed":
            problems.add(vm.name, f"{where}.name: {name!r} is taken; choose another.")
        names.add(name)
        image = disk.get("image") or (vm.get("vm_image") if number == 0 else None)
        if not disk.get("size") and not image:
            problems.add(vm.name, f"{where}.size is missing; only a clone of an image takes its size from there.")
        if disk.get("pool") and disk["pool"] not in there:
            problems.add(vm.name, f"{where}.pool: {disk['pool']} is not in ceph_pools; {nearest(disk['pool'], there)}")


def check(inventory: Inventory, problems: Problems, bad: set[str]) -> None:
    """All checks that need no answer of a node; those of a single VM only for VMs not in `bad`."""
    check_names(inventory, problems)
    check_size(inventory, problems)
    if inventory.nodes:
        check_cluster_wide(inventory, problems)
    for vm in inventory.vms.values():
        if vm.name not in bad:
            check_vm(vm, inventory, problems)
