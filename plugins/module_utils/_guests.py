# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VMs of the inventory: their interfaces and disks, and what is wrong with them. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.cairn.hci.plugins.module_utils import _addresses, _cloud_init
from ansible_collections.cairn.hci.plugins.module_utils._domain_options import derive_mac
from ansible_collections.cairn.hci.plugins.module_utils._ha_plan import protected
from ansible_collections.cairn.hci.plugins.module_utils._inventory import (
    Inventory,
    Machine,
    attempt,
    check_once,
    first_pool,
    mac_address,
    pools,
)
from ansible_collections.cairn.hci.plugins.module_utils._networks import (
    Guests,
    seen_by_guests,
    storage,
    unknown_network,
)
from ansible_collections.cairn.hci.plugins.module_utils._placement import Guest
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems, nearest, some
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size, parse_size


class Networks:
    """What VMs see of each network; looked up once."""

    def __init__(self, inventory: Inventory) -> None:
        """Begin without any."""
        self.inventory = inventory
        self._found: dict[str, Guests] = {}

    def __getitem__(self, name: str) -> Guests:
        """One network."""
        if name not in self._found:
            self._found[name] = seen_by_guests(self.inventory, name)
        return self._found[name]


def nics(vm: Machine, networks: Networks) -> list[Object]:
    """The interfaces of a VM with names, MAC and IP addresses. Raise ResourceError for one that can't be right."""
    found: list[Object] = []
    for number, nic in enumerate(vm.get("vm_nics")):
        name, taken = nic.get("name") or nic["network"].replace(".", "-"), [one["name"] for one in found]
        if name in taken:
            name = next(f"{name}-{count}" for count in range(2, len(taken) + 3) if f"{name}-{count}" not in taken)
        seen = networks[nic["network"]]
        if nic.get("vlan"):
            seen = Guests(mtu=seen.mtu, most=seen.most, narrow=seen.narrow)
        unknown = seen.cidr is None and not nic.get("vlan") and not networks.inventory.answered()
        if nic.get("mtu") and seen.most and nic["mtu"] > seen.most:
            raise ResourceError(
                f"vm_nics[{number}].mtu {nic['mtu']} is more than {nic['network']} carries: the most is {seen.most}, "
                f"by {seen.narrow}; lower it, or raise the mtu of the network."
            )
        default = str(vm.address) if number == 0 and vm.address else "dhcp"
        wanted = "dhcp" if unknown else nic.get("address") or default
        address = _address(wanted, seen, f"vm_nics[{number}]", nic["network"])
        first = not any(one["gateways"] for one in found)
        gateways = [nic["gateway"]] if nic.get("gateway") else seen.gateways if first and address else []
        found.append(
            {
                "name": name,
                "network": nic["network"],
                "vlan": nic.get("vlan"),
                "queues": nic.get("queues"),
                "mac": mac_address(nic["mac"]) if nic.get("mac") else derive_mac(vm.name, name),
                "mac_given": bool(nic.get("mac")),
                "mtu": nic.get("mtu") or seen.mtu,
                "address": str(address) if address else None,
                "gateways": gateways,
                "dns": nic.get("dns") or seen.dns,
            }
        )
    return found


def _address(text: str, seen: Guests, where: str, network: str) -> _addresses.Interface | None:
    """The address that an interface shall have; None for DHCP."""
    if text == "dhcp":
        return None
    if seen.cidr is not None:
        return _addresses.place_in(seen.cidr, text, f"{where}.address")
    if "/" not in text:
        raise ResourceError(
            f"{where}.address: the range of {network} is not known here, so {text} needs a prefix; write {text}/24 or "
            f"another, or set network_bridges.{network}.cidr."
        )
    return _addresses.interface(text, f"{where}.address")


def able(vm: Machine, inventory: Inventory, problems: Problems) -> frozenset[str]:
    """The nodes that have all networks of a VM; none when something is wrong with that."""
    chosen = set(vm.get("vm_nodes")) if protected(vm, inventory) else set()
    nodes = set(inventory.nodes) & chosen or set(inventory.nodes)
    wrong = False
    for number, nic in enumerate(vm.get("vm_nics")):
        try:
            nodes &= _having(vm, nic, f"vm_nics[{number}]", inventory)
        except ResourceError as error:
            problems.add(vm.name, str(error))
            wrong = True
    if not nodes and not wrong:
        problems.add(vm.name, "vm_nics: no single node has all of its networks; add them to network_bridges of one.")
    return frozenset() if wrong else frozenset(nodes)


def _having(vm: Machine, nic: Object, where: str, inventory: Inventory) -> set[str]:
    """The nodes that have the network of one interface. Raise ResourceError when that is none, or not the VM's."""
    network, chosen = nic["network"], [vm.get("vm_node")] if vm.get("vm_node") else vm.get("vm_nodes")
    having = inventory.having(network)
    if not inventory.answered() and network not in inventory.networks():
        return set(inventory.nodes)
    if not having:
        raise ResourceError(f"{where}.network: no node has {network}; {unknown_network(inventory, network)}")
    if nic.get("vlan"):
        having = _with_vlans(having, network, where)
    names = {node.name for node in having}
    lacking = [node for node in chosen if node in inventory.nodes and node not in names]
    if lacking:
        by = "vm_node" if vm.get("vm_node") else "vm_nodes"
        raise ResourceError(
            f"{where}.network: {lacking[0]}, chosen by {by}, has no {network} for it; {some(sorted(names))} has."
        )
    return names


def _with_vlans(nodes: list[Machine], network: str, where: str) -> list[Machine]:
    """The nodes on which a VM's interface can be in a VLAN."""
    aware = [node for node in nodes if _aware(node, network)]
    if not aware:
        raise ResourceError(
            f"{where}.vlan: {network} is not VLAN-aware; set vlan_aware: true for it in network_bridges."
        )
    modern = [node for node in aware if (node.facts or {}).get("version") != "12"]
    if not modern:
        raise ResourceError(
            f"{where}.vlan: libvirt of Debian 12 can't put a VM into a VLAN of a bridge; use Debian 13, or a bridge on "
            "the VLAN's own link."
        )
    return modern


def _aware(node: Machine, network: str) -> bool:
    """Whether a bridge is or will be VLAN-aware."""
    if network in node.get("network_bridges"):
        return bool(node.get("network_bridges")[network].get("vlan_aware"))
    links = (node.facts or {}).get("interfaces", [])
    return any(link["name"] == network and link["vlan_aware"] for link in links)


def disks(vm: Machine, inventory: Inventory) -> list[Object]:
    """The disks of a VM with their names, images and pools; the options that are left to others stay as they are."""
    written = vm.get("vm_disks") or ([{}] if vm.get("vm_image") else [])
    return [
        disk
        | {
            "name": disk.get("name") or f"disk{number}",
            "image": disk.get("image") or (vm.get("vm_image") if number == 0 else None),
            "pool": disk.get("pool") or first_pool(inventory),
        }
        for number, disk in enumerate(written)
    ]


def known_images(inventory: Inventory) -> dict[str, int] | None:
    """The sizes of the RBD images that there are; None where no node could tell."""
    answers = (
        node.facts["images"] for node in inventory.nodes.values() if node.facts and node.facts.get("images") is not None
    )
    return next(answers, None)


def exists(vm: Machine, disk: Object, inventory: Inventory) -> bool:
    """Whether a disk is known to be there."""
    return f"{disk['pool']}/{vm.name}.{disk['name']}" in (known_images(inventory) or {})


def wanted_images(inventory: Inventory) -> list[str]:
    """The images of vm_images that a disk is still to be made of."""
    names = [
        disk["image"]
        for vm in inventory.guests()
        for disk in disks(vm, inventory)
        if disk["image"] in inventory.images and not exists(vm, disk, inventory)
    ]
    return list(dict.fromkeys(names))


def check_disks(vm: Machine, inventory: Inventory) -> Iterator[str]:
    """What is wrong with a VM's disks in the light of images and of what there is."""
    there = known_images(inventory) or {}
    for number, disk in enumerate(disks(vm, inventory)):
        where = f"vm_disks[{number}]" if vm.get("vm_disks") else "vm_image"
        size = parse_size(disk["size"]) if disk.get("size") else None
        now = there.get(f"{disk['pool']}/{vm.name}.{disk['name']}")
        if size is not None and now is not None and size < now:
            yield (
                f"{where}.size: the disk is {format_size(now)} and is not shrunk to {disk['size']}, which would cut "
                f"off data; write at least {format_size(now)}."
            )
        image = inventory.images.get(disk["image"]) if disk["image"] else None
        if disk["image"] and image is None and now is None and inventory.answered():
            remedy = nearest(disk["image"], inventory.images) if inventory.images else "add it."
            what = "vm_image" if disk["image"] == vm.get("vm_image") else f"{where}.image"
            yield f"{what}: {disk['image']} is not in vm_images; {remedy}"
        least = (image or {}).get("size")
        if size is not None and least and now is None and size < least:
            yield (
                f"{where}.size: {disk['size']} is less than the {format_size(least)} of the image {disk['image']}; "
                f"write at least {format_size(least)}."
            )


def check_pools(inventory: Inventory, problems: Problems) -> None:
    """That no pool is to be removed that holds images, or the only one that VMs could have disks in."""
    for name, pool in (inventory.cluster("ceph_pools") or {}).items():
        held = [image.partition("/")[2] for image in known_images(inventory) or {} if image.startswith(f"{name}/")]
        if pool.get("state") == "absent" and held and not pool.get("force"):
            problems.add(
                "",
                f"ceph_pools.{name}: the pool is not empty ({some(sorted(held))}); remove its images first, or give "
                "force: true to destroy them.",
            )
    if not pools(inventory) and any(disks(vm, inventory) for vm in inventory.guests()) and not problems:
        problems.add("", "ceph_pools has no pool for the disks of VMs; add one, such as vms: {}.")


def homes(inventory: Inventory) -> dict[str, dict[str, Object]]:
    """Where each VM's domain is: VM, node, domain."""
    found: dict[str, dict[str, Object]] = {name: {} for name in inventory.vms}
    for node in inventory.nodes.values():
        for domain in (node.facts or {}).get("domains", []):
            found.setdefault(domain["name"], {})[node.name] = domain
    return found


def check_home(vm: Machine, there: dict[str, Object]) -> Iterator[str]:
    """Whether a VM that runs is where it can stay."""
    running = [node for node, domain in there.items() if domain["active"]]
    if len(running) > 1:
        yield f"it runs on {some(running)} at once, which destroys its disks; stop it on all but one of them."
    elif running and vm.get("vm_node") and running[0] != vm.get("vm_node"):
        yield f"it runs on {running[0]}, and vm_node is {vm.get('vm_node')}; stop it there first, then it moves."


def guest(vm: Machine, there: dict[str, Object], nodes: frozenset[str], bound: bool = True) -> Guest:
    """What the placement has to know of a VM. One that is not `bound` to its node can be moved while it runs."""
    running = [node for node, domain in there.items() if domain["active"]]
    home = next(iter(running or there), None)
    memory, vcpus, node = parse_size(vm.get("vm_memory")), vm.get("vm_vcpus"), vm.get("vm_node")
    now = there.get(home) if home else None
    settled = bool(now and node in (None, home) and now["memory"] >= memory and now["vcpus"] >= vcpus)
    return Guest(vm.name, memory, vcpus, node, home if bound or settled else None, nodes, settled)


def check(inventory: Inventory, networks: Networks, problems: Problems, bad: set[str]) -> dict[str, frozenset[str]]:
    """Check all VMs; return the nodes that can run each."""
    among: dict[str, frozenset[str]] = {}
    check_pools(inventory, problems)
    places, used = homes(inventory), []
    for vm in inventory.present():
        if vm.name in bad:
            continue
        nodes = able(vm, inventory, problems)
        if nodes:
            among[vm.name] = nodes
            used += [(vm.name, nic) for nic in attempt(problems, vm.name, nics, vm, networks) or []]
        wrong = [] if vm.name in inventory.storage_vms else check_disks(vm, inventory)
        for sentence in (*wrong, *check_home(vm, places[vm.name]), *_check_login(vm, inventory)):
            problems.add(vm.name, sentence)
    _check_addresses(inventory, used, problems)
    return among


def _check_login(vm: Machine, inventory: Inventory) -> Iterator[str]:
    """Whether anybody could log in."""
    keys = inventory.ssh_keys if vm.get("vm_ssh_keys") is None else vm.get("vm_ssh_keys")
    if vm.get("vm_image") and not keys and not _cloud_init.LOGINS & vm.get("vm_user_data").keys():
        yield "vm_ssh_keys is empty and the controller has no ~/.ssh/id_*.pub; nobody could log in, give a public key."


def _check_addresses(inventory: Inventory, used: list[tuple[str, Object]], problems: Problems) -> None:
    """That no two machines have one IP or MAC address."""
    taken: dict[object, str] = {}
    for node in inventory.nodes.values():
        own = attempt(Problems(), node.name, storage, node) if node.facts else None
        taken |= {one: node.name for one in (node.address, own and own.ip) if one is not None}
    for _vm, nic in used:
        for gateway in nic["gateways"]:
            taken.setdefault(_addresses.address(gateway), f"the gateway of {nic['network']}")
    addresses = [(vm.name, vm.address) for vm in inventory.present() if vm.address]
    addresses += [(name, _addresses.interface(nic["address"], name).ip) for name, nic in used if nic["address"]]
    check_once(addresses, "address", problems, taken)
    links = [(node, link) for node in inventory.nodes.values() for link in (node.facts or {}).get("interfaces", [])]
    macs = {link["mac"]: node.name for node, link in links if link["kind"] == "ether"}
    check_once(((name, nic["mac"]) for name, nic in used), "MAC address", problems, macs)
