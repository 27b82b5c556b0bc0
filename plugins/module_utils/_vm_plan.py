# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules rbd_image, cloud_init_seed and domain are to be given for the VMs of the inventory. Pure.

Private to the collection.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils import _cloud_init, _guests, _storage_vms
from ansible_collections.cairn.hci.plugins.module_utils._ha_plan import protected
from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine, first_pool
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size

SNAPSHOT = "base"
SEED = "seed"
# Said, not left out: what an inventory no longer limits is unlimited.
NO_LIMITS: Object = {"iops": 0, "bandwidth": "0"}
# The node's copy of an image that lies on the controller, until it is imported.
UPLOADS = "/var/tmp/cairn.hci"
# Where the disks of storage VMs are on their nodes.
LOCAL = "/var/lib/libvirt/images"


def given(**options: Any) -> Object:
    """The options that are set."""
    return {name: value for name, value in options.items() if value is not None}


def base_name(name: str, image: Object) -> str:
    """The RBD image of a base image: another content is another image."""
    return f"base.{name}.{image['sha256'][:8]}"


class VmPlan:
    """The parts of the plan that concern VMs."""

    def __init__(self, inventory: Inventory, placed: dict[str, str], among: dict[str, frozenset[str]]) -> None:
        """Begin from the inventory, the node of each VM that has one of its own, and the nodes that can run each."""
        self.inventory = inventory
        self.placed = placed
        self.among = among
        self.networks = _guests.Networks(inventory)
        self.homes = _guests.homes(inventory)
        self.pool = first_pool(inventory)

    def parts(self) -> Object:
        """All of them."""
        present = [vm for vm in self.inventory.guests() if vm.name in self.among]
        storage = [vm for vm in self.inventory.storage() if vm.name in self.among]
        absent = [vm for vm in self.inventory.vms.values() if vm.get("vm_state") == "absent"]
        lost = [vm for vm in absent if vm.name not in self.inventory.storage_vms]
        return {
            "images": self.images(),
            "uploads": self.uploads(),
            "disks": [disk for vm in present for disk in self.disks(vm)],
            "seeds": [self.seed(vm) for vm in present if vm.get("vm_image")],
            "domains": self.domains(present, absent),
            **self.protected(present, absent),
            "disks_absent": [disk for vm in lost if vm.get("vm_delete_disks") for disk in self.lost_disks(vm)],
            "seeds_absent": [self.lost_seed(vm) for vm in lost if vm.get("vm_image")],
            "storage_vms": {vm.name: self.storage_vm(vm) for vm in storage},
            "vms": {vm.name: self.summary(vm) for vm in (*storage, *present, *absent)},
        }

    def used_images(self) -> dict[str, Object]:
        """The images that a disk is still to be made of."""
        return {name: self.inventory.images[name] for name in _guests.wanted_images(self.inventory)}

    def images(self) -> list[Object]:
        """The base images, each with the protected snapshot that disks are clones of."""
        return [
            given(
                name=base_name(name, image),
                pool=self.pool,
                source=image["url"] or f"{UPLOADS}/{base_name(name, image)}",
                checksum=f"sha256:{image['sha256']}",
                format=image["format"],
                snapshots=[SNAPSHOT],
                protected=[SNAPSHOT],
            )
            for name, image in self.used_images().items()
        ]

    def uploads(self) -> list[Object]:
        """The files of the controller that a node needs for the import; not those that were imported before."""
        there = _guests.known_images(self.inventory) or {}
        return [
            {"source": image["path"], "path": f"{UPLOADS}/{base_name(name, image)}"}
            for name, image in self.used_images().items()
            if image["path"] and f"{self.pool}/{base_name(name, image)}" not in there
        ]

    def disks(self, vm: Machine) -> list[Object]:
        """The RBD images of a VM's disks. A disk that is there keeps its origin, whatever vm_image is by now."""
        found = []
        for disk in _guests.disks(vm, self.inventory):
            clone = None
            if disk["image"] and not _guests.exists(vm, disk, self.inventory):
                clone = f"{self.pool}/{base_name(disk['image'], self.inventory.images[disk['image']])}@{SNAPSHOT}"
            found.append(
                given(name=f"{vm.name}.{disk['name']}", pool=disk["pool"], size=disk.get("size"), clone_of=clone)
            )
        return [disk for disk in found if len(disk) > 2]

    def lost_disks(self, vm: Machine) -> list[Object]:
        """The RBD images that go to the trash with their VM."""
        return [
            {"name": f"{vm.name}.{disk['name']}", "pool": disk["pool"], "state": "absent", "trash": True}
            for disk in _guests.disks(vm, self.inventory)
        ]

    def seed(self, vm: Machine) -> Object:
        """The cloud-init seed of a VM."""
        keys = vm.get("vm_ssh_keys")
        return {
            "name": f"{vm.name}.{SEED}",
            "pool": self.pool,
            "user_data": _cloud_init.user_data(vm, self.inventory.ssh_keys if keys is None else keys),
            "meta_data": _cloud_init.meta_data(vm),
            "network_config": _cloud_init.network_config(_guests.nics(vm, self.networks)),
        }

    def storage_vm(self, vm: Machine) -> Object:
        """A storage VM: what is to be made on its node, and what its OSDs are."""
        node = self.inventory.nodes[vm.get("vm_node")]
        chosen = self.inventory.osd_disks.get(vm.name, [])
        paths = {kind: f"{LOCAL}/{vm.name}.{kind}" for kind in ("qcow2", "seed.iso")}
        size = next((disk.get("size") for disk in vm.get("vm_disks")), None)
        there = _storage_vms.defined(vm, self.inventory)
        domain = self.domain(vm) | {
            "disks": [given(name="disk0", file=paths["qcow2"], size=size)],
            "cloud_init": {"file": paths["seed.iso"]},
            # Its unit on the node starts it, before all that needs it.
            "autostart": False,
            # site.yml is at all nodes at once; rolling_reboot.yml asks Ceph first.
            "restart": "never",
        }
        return {
            "node": node.name,
            "address": _storage_vms.address(vm, node, _guests.nics(vm, self.networks)),
            "devices": [device["path"] for device in chosen],
            "wipe": _storage_vms.consents(node, chosen),
            "shutdown_timeout": vm.get("vm_shutdown_timeout"),
            # The disk of a VM that runs is grown through it.
            "image": given(path=paths["qcow2"], size=None if there else size, **self.local_source(vm)),
            "upload": None if there else self.local_upload(vm),
            "seed": self.local_seed(vm, paths["seed.iso"]),
            "domain": domain,
        }

    def local_seed(self, vm: Machine, path: str) -> Object:
        """The seed of a storage VM, whose /etc/hosts is written by the role base, too."""
        seed = self.seed(vm)
        user_data = seed["user_data"] | {"manage_etc_hosts": "localhost"}
        return seed | {"name": vm.name, "pool": None, "file": path, "user_data": user_data}

    def local_source(self, vm: Machine) -> Object:
        """What the disk of a storage VM is made of; nothing where the image is not declared any more."""
        name = vm.get("vm_image")
        image = self.inventory.images.get(name)
        if image is None or not image["sha256"]:
            return {}
        source = image["url"] or f"{UPLOADS}/{base_name(name, image)}"
        return {"source": source, "checksum": f"sha256:{image['sha256']}", "format": image["format"]}

    def local_upload(self, vm: Machine) -> Object | None:
        """The file of the controller that its node needs for it."""
        name = vm.get("vm_image")
        image = self.inventory.images.get(name)
        return (
            {"source": image["path"], "path": f"{UPLOADS}/{base_name(name, image)}"}
            if image and image["path"]
            else None
        )

    def lost_seed(self, vm: Machine) -> Object:
        """The seed of a VM that shall not exist; it is made anew from the inventory whenever it is needed."""
        return {"name": f"{vm.name}.{SEED}", "pool": self.pool, "state": "absent"}

    def domains(self, present: list[Machine], absent: list[Machine]) -> dict[str, list[Object]]:
        """The domains of each node; a VM is taken away wherever else it is defined.

        Of a VM that the cluster looks after, only what was left behind: it runs without a definition on any node.
        """
        found: dict[str, list[Object]] = {name: [] for name in self.inventory.nodes}
        for vm in present:
            if vm.name in self.placed:
                found[self.placed[vm.name]].append(self.domain(vm))
        for vm in (*present, *self.inventory.storage(), *absent):
            for node, domain in self.homes[vm.name].items():
                running = domain["active"] and protected(vm, self.inventory)
                if node != self.placed.get(vm.name) and not running:
                    found[node].append(self.lost_domain(vm))
        return found

    def protected(self, present: list[Machine], absent: list[Machine]) -> Object:
        """The VMs whose node the cluster chooses, and the names of those that it shall not or no longer look after."""
        ours = [vm for vm in present if protected(vm, self.inventory)]
        gone = [vm for vm in absent if protected(vm, self.inventory)]
        return {
            "ha_vms": [*(self.spec(vm) for vm in ours), *(self.lost_domain(vm) for vm in gone)],
            "ha_disks": {
                f"{vm.name}.{disk['name']}": vm.name
                for vm in ours
                for disk in _guests.disks(vm, self.inventory)
                if disk["pool"] == self.pool
            },
            "ha_released": [vm.name for vm in (*present, *absent) if not protected(vm, self.inventory)],
        }

    def spec(self, vm: Machine) -> Object:
        """A VM that the cluster looks after: its domain's options, and where and how it shall be kept running."""
        plain = ("priority", "prefer", "apart", "apart_by", "together", "affinity_strict", "start_after")
        domain = self.domain(vm)
        domain.pop("autostart", None)
        return {
            **domain,
            **{name: vm.get(f"vm_{name}") for name in (*plain, "guest_shutdown")},
            "nodes": self.able(vm),
            "state": "present",
        }

    def able(self, vm: Machine) -> list[str] | None:
        """The nodes that can run a VM; None for all."""
        among = self.among[vm.name]
        able = [name for name in self.inventory.nodes if name in among]
        return able if len(able) < len(self.inventory.nodes) else None

    def lost_domain(self, vm: Machine) -> Object:
        """A domain that shall not be there."""
        return {"name": vm.name, "state": "absent", "shutdown_timeout": vm.get("vm_shutdown_timeout")}

    def domain(self, vm: Machine) -> Object:
        """The options of a VM's domain."""
        plain = ("vcpus", "vcpus_max", "memory", "memory_max", "cpu_model", "machine", "firmware", "power", "autostart")
        changes = ("restart", "shutdown_timeout")
        devices = ("guest_agent", "watchdog", "rng", "vnc", "console_log")
        return given(
            name=vm.name,
            **{name: vm.get(f"vm_{name}") for name in (*plain, *changes, *devices)},
            disks=[
                given(
                    image=f"{vm.name}.{disk['name']}",
                    **NO_LIMITS | {key: value for key, value in disk.items() if key != "image"},
                )
                for disk in _guests.disks(vm, self.inventory)
            ],
            nics=[
                given(
                    name=nic["name"],
                    bridge=nic["network"],
                    vlan=nic["vlan"] or 0,
                    mac=nic["mac"] if nic["mac_given"] else None,
                    mtu=nic["mtu"],
                    queues=nic["queues"],
                )
                for nic in _guests.nics(vm, self.networks)
            ],
            pci_devices=self.inventory.vm_devices.get(vm.name, []),
            cloud_init={"pool": self.pool, "image": f"{vm.name}.{SEED}"} if vm.get("vm_image") else None,
        )

    def changes(self, vm: Machine) -> list[str]:
        """Which of the sizes that a node reports are not as they shall be."""
        there = self.homes[vm.name]
        home = next((node for node, domain in there.items() if domain["active"]), None)
        now = there.get((home if protected(vm, self.inventory) else self.placed.get(vm.name)) or "")
        if now is None:
            return []
        wanted = {"memory": parse_size(vm.get("vm_memory")), "vcpus": vm.get("vm_vcpus")}
        return [name for name, value in wanted.items() if now[name] != value]

    def summary(self, vm: Machine) -> Object:
        """What status, verify and the roles' conditions need to know of a VM."""
        there = self.homes[vm.name]
        return {
            "node": self.placed.get(vm.name),
            "ha": protected(vm, self.inventory),
            "nodes": sorted(self.among.get(vm.name, ())),
            "state": vm.get("vm_state"),
            "power": vm.get("vm_power"),
            "memory": vm.get("vm_memory"),
            "vcpus": vm.get("vm_vcpus"),
            "address": str(vm.address) if vm.address else None,
            "defined_on": sorted(there),
            "changes": self.changes(vm),
        }
