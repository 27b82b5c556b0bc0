# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PCI devices VMs are to have, and why one can't be given away. Pure.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.cairn.hci.plugins.module_utils import _pci
from ansible_collections.cairn.hci.plugins.module_utils._ha_plan import protected
from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine, attempt
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems


def pick(selector: str, facts: Object) -> Object:
    """The device of a node that a selector means, by the node's facts. Raise ResourceError for none, or several."""
    kernel = next(
        (disk["path"].rpartition("/")[2] for disk in facts["disks"] if selector in (disk["path"], *disk["links"])), None
    )
    chosen = _pci.pick(selector, facts["pci_devices"], kernel)
    if chosen is None:
        raise ResourceError(f"the node has no PCI device {selector}; 'lspci -nn' shows there what it has.")
    return dict(chosen)


class Devices:
    """The devices of all VMs."""

    def __init__(self, inventory: Inventory, problems: Problems) -> None:
        """Find them, and say what is wrong with them."""
        self.of: dict[str, list[str]] = {}
        self.taken: dict[tuple[str, str], str] = {}
        self.kept: dict[str, list[Object]] = {name: [] for name in inventory.nodes}
        for vm in inventory.present():
            if vm.get("vm_pci_devices"):
                attempt(problems, vm.name, self.take, vm, inventory)
        for vm in inventory.present():
            for address in self.of.get(vm.name, ()):
                node = inventory.nodes[vm.get("vm_node")]
                self.check(vm, node, address, problems)

    def take(self, vm: Machine, inventory: Inventory) -> None:
        """Note a VM's devices. Raise ResourceError for what is none."""
        node = inventory.nodes.get(vm.get("vm_node") or "")
        if node is None or protected(vm, inventory):
            raise ResourceError("vm_pci_devices are devices of one node: say with vm_node on which it runs.")
        for selector in vm.get("vm_pci_devices") if node.facts else ():
            try:
                device = pick(selector, node.facts or {})
            except ResourceError as error:
                raise ResourceError(f"vm_pci_devices: {node.name}: {error}") from error
            address = device["address"]
            owner = self.taken.setdefault((node.name, address), vm.name)
            if owner != vm.name:
                raise ResourceError(f"vm_pci_devices: {owner} has {address} of {node.name}, too; remove it from one.")
            self.of.setdefault(vm.name, []).append(address)
            self.kept[node.name].append({"device": selector})

    def check(self, vm: Machine, node: Machine, address: str, problems: Problems) -> None:
        """Whether a device can be given away."""
        found = (node.facts or {})["pci_devices"]
        given = {address for name, address in self.taken if name == node.name}
        device = next(one for one in found if one["address"] == address)
        why = None if device["kept_for"] and device["driver"] == _pci.VFIO else _pci.problem(device, found, given)
        if why:
            problems.add(vm.name, f"vm_pci_devices: {address} of {node.name}: {why}")
