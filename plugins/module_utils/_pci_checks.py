# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PCI devices VMs are to have, and why one can't be given away. Pure.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.cairn.hci.plugins.module_utils import _kernel_options, _pci
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


def check(inventory: Inventory, problems: Problems) -> None:
    """Note the devices of all VMs in the inventory, and say what is wrong with them."""
    taken: dict[tuple[str, str], str] = {}
    for vm in inventory.present():
        if vm.get("vm_pci_devices"):
            attempt(problems, vm.name, _take, vm, inventory, taken)
    for (name, address), owner in taken.items():
        found = (inventory.nodes[name].facts or {})["pci_devices"]
        device = next(one for one in found if one["address"] == address)
        # A group has one owner.
        given = {address for (node, address), vm in taken.items() if (node, vm) == (name, owner)}
        why = _pci.problem(device, found, given, _kernel_options.no_iommu(inventory.nodes[name]))
        if why and not (device["kept"] and device["driver"] == _pci.VFIO):
            problems.add(owner, f"{_variable(owner, inventory)}: {address} of {name}: {why}")


def _take(vm: Machine, inventory: Inventory, taken: dict[tuple[str, str], str]) -> None:
    """Note a VM's devices; `taken` has who has which. Raise ResourceError for what is none."""
    node = inventory.nodes.get(vm.get("vm_node") or "")
    if node is None or protected(vm, inventory):
        raise ResourceError("vm_pci_devices are devices of one node: say with vm_node on which it runs.")
    variable = _variable(vm.name, inventory)
    for selector in vm.get("vm_pci_devices") if node.facts else ():
        try:
            address = pick(selector, node.facts or {})["address"]
        except ResourceError as error:
            raise ResourceError(f"{variable}: {node.name}: {error}") from error
        owner = taken.setdefault((node.name, address), vm.name)
        if owner != vm.name:
            raise ResourceError(f"{variable}: {owner} has {address} of {node.name}, too; remove it from one.")
        if address in inventory.vm_devices.setdefault(vm.name, []):
            raise ResourceError(f"{variable}: {selector} is {address}, which is in the list already; remove it.")
        inventory.vm_devices[vm.name].append(address)
        inventory.kept_devices.setdefault(node.name, []).append({"device": selector})


def _variable(vm: str, inventory: Inventory) -> str:
    """The variable that gives a VM its devices; a storage VM has the disks of its node."""
    return "ceph_osd_placement: vm" if vm in inventory.storage_vms else "vm_pci_devices"
