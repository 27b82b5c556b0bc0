# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage VMs: the VM of each node that has the node's disks for itself and runs the OSDs on them. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch

from ansible_collections.cairn.hci.plugins.module_utils import _addresses, _ceph_devices
from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine, attempt
from ansible_collections.cairn.hci.plugins.module_utils._networks import links_of, own_interface, storage
from ansible_collections.cairn.hci.plugins.module_utils._pci import BY_ID
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems, nearest, some
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size, parse_size

MIB = 1024**2
# What the system of a storage VM needs beside its OSDs.
SYSTEM_MEMORY = 1024 * MIB
LEAST_SYSTEM_MEMORY = 512 * MIB
# An OSD exceeds osd_memory_target at times (Ceph's "Hardware Recommendations": some 20 %).
OSD_SHARE = 1.2
# Without an address of its own in the storage network, a storage VM has that of its node and so many more.
ADDRESS_STEP = 100
# The names of a disk that outlast a boot begin so.
LASTING = (BY_ID, "/dev/disk/by-path/")


def given_away(node: Machine) -> bool:
    """Whether the node's disks belong to a storage VM."""
    return bool(node.get("ceph_osd_placement") == "vm")


def wants_osds(node: Machine) -> bool:
    """Whether the node is to have OSDs at all."""
    return bool(node.get("ceph_osd_devices") or node.get("ceph_osd_filter"))


def osd_devices(node: Machine) -> list[Object]:
    """The disks of a node that ceph_osd_devices means; those, too, that a storage VM has by now."""
    facts = node.facts or {}
    if not given_away(node):
        return list(facts["osd_devices"])
    patterns = node.get("ceph_osd_devices") or ["/dev/*"]
    kept = [disk for one in facts["pci_devices"] for disk in one["kept_disks"] if _means(patterns, disk["aliases"])]
    found = [device | {"path": _lasting(device, patterns)} for device in facts["osd_devices"]]
    found += [disk | {"path": _lasting(disk, patterns), "kept": True} for disk in kept]
    return sorted(found, key=lambda device: str(device["path"]))


def _means(patterns: list[str], names: list[str]) -> bool:
    """Whether patterns as those of ceph_osd_devices mean a disk with these names."""
    without = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    if any(fnmatch(name, pattern) for name in names for pattern in without):
        return False
    return any(fnmatch(name, pattern) for name in names for pattern in patterns)


def _lasting(device: Object, patterns: list[str]) -> str:
    """The name of a disk that means it on the node and in the storage VM; of several the first that was meant."""
    names = sorted(name for name in device["aliases"] if name.startswith(BY_ID))
    meant = [name for name in names if _means(patterns, [name])]
    return str(next(iter(meant or names), device["aliases"][0]))


def selected(node: Machine) -> list[Object]:
    """The disks of a node that its storage VM is to have. Raise ResourceError where there are not enough."""
    facts = node.facts or {}
    options = (node.get("ceph_osd_filter"), facts["ceph"]["fsid"], node.get("ceph_osd_wipe") or [])
    chosen: list[Object] = _ceph_devices.select(osd_devices(node), *options)
    for device in chosen:
        if not device["path"].startswith(BY_ID):
            raise ResourceError(
                f"ceph_osd_placement: {device['path']} has no name below {BY_ID}, by which the storage VM could know "
                "it; take it out of ceph_osd_devices, or use placement host."
            )
    return chosen


def consents(node: Machine, chosen: list[Object]) -> list[str]:
    """Those of the disks whose data may be lost, by the names that they have in the storage VM.

    The kernel's name of a disk that was given away may be another disk's by now, and says nothing of it.
    """
    wipe = node.get("ceph_osd_wipe") or []
    lasting = [[name for name in device["aliases"] if name.startswith(LASTING)] for device in chosen]
    meant = [one | {"aliases": names} if one.get("kept") else one for one, names in zip(chosen, lasting, strict=True)]
    return [device["path"] for device in meant if _ceph_devices.consented(device, wipe)]


def selectors(node: Machine, chosen: list[Object]) -> list[str]:
    """One disk for each PCI device that is to be given away, as several may be behind one."""
    found: dict[str, str] = {}
    for device in chosen:
        behind = [one["address"] for one in (node.facts or {})["pci_devices"] if _is_behind(device, one)]
        found.setdefault(behind[0] if behind else device["path"], device["path"])
    return list(found.values())


def _is_behind(device: Object, controller: Object) -> bool:
    """Whether a disk is, or was, behind a PCI device."""
    if device.get("kept"):
        return any(device["aliases"] == disk["aliases"] for disk in controller["kept_disks"])
    return device["kernel"] in controller["disks"]


def osds(vm: Machine, node: Machine, inventory: Inventory) -> int:
    """How many OSDs a storage VM runs."""
    return len(inventory.osd_disks.get(vm.name, [])) * (node.get("ceph_osds_per_device") or 1)


def memory(node: Machine, count: int) -> str:
    """What a storage VM needs for its OSDs, in whole steps of 64 MiB."""
    size = SYSTEM_MEMORY + count * parse_size(node.get("ceph_osd_memory")) * OSD_SHARE
    step = 64 * MIB
    return format_size(-(-int(size) // step) * step)


def bridge(node: Machine) -> str | None:
    """The bridge by which a VM reaches the network of Ceph; None where the node has none."""
    network = node.get("network_storage")
    if network:
        return network.get("interface") if network.get("interface") in node.get("network_bridges") else None
    own = own_interface(node)
    links = {link["name"]: link["addresses"] for link in (node.facts or {}).get("interfaces", [])}
    for name in node.get("network_bridges"):
        if own and str(own) in [one for link in links_of(node, name) for one in links.get(link, [])]:
            return str(name)
    return None


def complete(inventory: Inventory, problems: Problems, bad: set[str]) -> None:
    """Give the storage VMs what follows from their nodes: disks, sizes, and an address in Ceph's network."""
    done = set(bad)
    for vm in inventory.storage():
        node = inventory.nodes.get(vm.get("vm_node") or "")
        if node is None or not node.facts or not given_away(node) or {vm.name, node.name} & done:
            continue
        done.add(node.name)
        chosen = attempt(Problems(), "", selected, node) or []
        inventory.osd_disks[vm.name] = chosen
        count = osds(vm, node, inventory)
        vm.vars |= {} if "vm_memory" in vm.given else {"vm_memory": memory(node, count)}
        vm.vars |= {} if "vm_vcpus" in vm.given else {"vm_vcpus": 1 + count}
        vm.vars["vm_pci_devices"] = [*vm.get("vm_pci_devices"), *selectors(node, chosen)]
        attempt(problems, vm.name, _join, vm, node)


def _join(vm: Machine, node: Machine) -> None:
    """Give the NIC in the storage network its address. Raise ResourceError for one that is not of that network."""
    if not node.get("network_storage"):
        return
    own, link = storage(node), bridge(node)
    for number, nic in enumerate(vm.get("vm_nics")):
        if link is None or nic["network"] != link or (nic.get("address") is None and number == 0 and vm.address):
            continue
        what, text = f"vm_nics[{number}].address", nic.get("address") or str(own.ip + ADDRESS_STEP)
        nic["address"] = text if text == "dhcp" else str(_addresses.place_in(own.network, text, what))


def address(vm: Machine, node: Machine, nics: list[Object]) -> str | None:
    """The address of a storage VM's OSDs; None where it has none, or one that a DHCP server gives."""
    link = bridge(node)
    found = next((nic["address"] for nic in nics if nic["network"] == link), None)
    return found and str(_addresses.interface(found, vm.name).ip)


def check(inventory: Inventory, problems: Problems, bad: set[str]) -> None:
    """Everything that concerns storage VMs and needs no look at what runs."""
    for name in inventory.storage_vms:
        if name not in inventory.vms:
            problems.add(name, "it is in the group storage_vms and not in vms; make storage_vms a child group of vms.")
    owners: dict[str, str] = {}
    for vm in inventory.storage():
        other = owners.setdefault(vm.get("vm_node") or "", vm.name)
        if vm.name not in bad:
            for sentence in _check_vm(vm, inventory, other):
                problems.add(vm.name, sentence)
    for node in inventory.nodes.values():
        if node.name not in bad and given_away(node):
            for sentence in _check_node(node, owners):
                problems.add(node.name, sentence)


def _check_node(node: Machine, owners: dict[str, str]) -> Iterator[str]:
    """A node whose disks belong to a storage VM."""
    if wants_osds(node) and node.name not in owners:
        yield (
            "ceph_osd_placement is vm, and no storage VM is declared for it; add a line such as "
            f"'store-{node.name}: {{ansible_host: ADDRESS, vm_node: {node.name}}}' to the group storage_vms, or use "
            "placement host."
        )
    if node.get("ceph_osd_db_devices"):
        yield "ceph_osd_db_devices needs ceph_osd_placement: host; a storage VM has databases on the OSDs' own disks."
    if (node.get("network_storage") or {}).get("interface") and bridge(node) is None:
        link = node.get("network_storage")["interface"]
        yield (
            f"network_storage.interface: {link} is no bridge, and the storage VM needs a link to that network; write "
            f"network_bridges: {{storage: {{ports: [{link}], addresses: []}}}} and interface: storage."
        )


def _check_vm(vm: Machine, inventory: Inventory, owner: str) -> Iterator[str]:
    """One storage VM; `owner` is the first that has its node's disks."""
    if not vm.get("vm_node"):
        yield f"vm_node is missing; name the node whose disks it has, one of {some(inventory.nodes)}."
        return
    node = inventory.nodes.get(vm.get("vm_node"))
    if node is None:
        return
    if owner != vm.name:
        yield f"vm_node: {owner} is the storage VM of {node.name} already, and a node has one; remove one of the two."
        return
    if not given_away(node):
        yield f"{node.name} has ceph_osd_placement: host; set it to vm, or take {vm.name} out of storage_vms."
        return
    if not wants_osds(node):
        yield f"{node.name} has no ceph_osd_devices, so there is nothing to do for it; add them, or remove it."
    yield from _check_options(vm, inventory)
    yield from _check_room(vm, node, inventory)


def _check_options(vm: Machine, inventory: Inventory) -> Iterator[str]:
    """What other VMs may have, and a storage VM may not, or must."""
    image, disks = vm.get("vm_image"), vm.get("vm_disks")
    if not image:
        yield "vm_image is missing; the disk of a storage VM is made of an image."
    elif image not in inventory.images:
        yield f"vm_image: {image} is not in vm_images; {nearest(image, inventory.images)}"
    if len(disks) > 1 or any(disk.get("image") or disk.get("pool") for disk in disks):
        yield (
            "vm_disks: a storage VM has one disk, on its node, and of it only a size is said; its OSDs are on what "
            "ceph_osd_devices of the node means."
        )
    if vm.get("vm_power") != "running":
        yield f"vm_power is {vm.get('vm_power')}, and without it the node has no OSDs; remove vm_power."


def _check_room(vm: Machine, node: Machine, inventory: Inventory) -> Iterator[str]:
    """Memory for its OSDs, and a way to Ceph's network."""
    count, link = osds(vm, node, inventory), bridge(node)
    least = LEAST_SYSTEM_MEMORY + count * parse_size(node.get("ceph_osd_memory"))
    if parse_size(vm.get("vm_memory")) < least:
        yield (
            f"vm_memory {vm.get('vm_memory')} is too little for {count} OSD{'s' if count != 1 else ''} with "
            f"ceph_osd_memory {node.get('ceph_osd_memory')}; give at least {format_size(least)}, or leave "
            f"it empty (vm_memory: ) for {memory(node, count)}."
        )
    if link is None:
        if not node.get("network_storage") and node.facts:
            yield f"no bridge of {node.name} is in Ceph's network, which is that of ansible_host; add one."
        return
    nics = [nic for nic in vm.get("vm_nics") if nic["network"] == link]
    if not nics:
        yield f"vm_nics: it has none in {link}, which leads to Ceph's network; add {{network: {link}}}."
    elif nics[0].get("address") == "dhcp" or (not nics[0].get("address") and not vm.address):
        yield f"vm_nics: its address in {link}, Ceph's network, must stay the same; write it there."


def wanted_images(inventory: Inventory) -> list[str]:
    """The images that disks of storage VMs are still to be made of; one that is defined has its disk."""
    wanting = [vm for vm in inventory.storage() if not defined(vm, inventory)]
    return list(dict.fromkeys(vm.get("vm_image") for vm in wanting if vm.get("vm_image") in inventory.images))


def defined(vm: Machine, inventory: Inventory) -> bool:
    """Whether its node has the storage VM already."""
    node = inventory.nodes.get(vm.get("vm_node") or "")
    return any(domain["name"] == vm.name for domain in ((node and node.facts) or {}).get("domains", []))
