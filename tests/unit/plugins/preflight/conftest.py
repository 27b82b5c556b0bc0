"""A healthy cluster of three nodes and two VMs, to be made worse by each test."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.cairn.hci.plugins.action.preflight import ActionModule
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems
from hypothesis import settings

# A busy machine is no error.
settings.register_profile("cairn", deadline=None)
settings.load_profile("cairn")

GIB = 1024**3
REPORT: dict[str, Any] = {
    "fsid": None,
    "ours": False,
    "monitors": [],
    "mon_store": None,
    "mon_running": False,
    "mon_fsid": None,
    "mon_state": None,
    "mon_names": [],
    "osds": [],
    "device_mapper": True,
}


def device(name: str, **changes: Any) -> dict[str, Any]:
    """An empty disk, as node_info reports it."""
    empty: dict[str, Any] = {
        "path": f"/dev/disk/by-id/nvme-{name}",
        "kernel": "nvme0n1",
        "aliases": [f"/dev/disk/by-id/nvme-{name}", "/dev/nvme0n1"],
        "size": 100 * GIB,
        "type": "nvme",
        "partitions": [],
        "holders": [],
        "mounts": [],
        "busy": False,
        "label": None,
        "lvm": None,
        "signatures": [],
    }
    return empty | changes


def facts(place: int) -> dict[str, Any]:
    """What a healthy node answers."""
    link = {"kind": "ether", "mtu": 1500, "max_mtu": 9216, "up": True, "carrier": True, "master": None}
    return {
        "hostname": f"node{place}",
        "distribution": "debian",
        "distribution_name": "Debian GNU/Linux 13 (trixie)",
        "version": "13",
        "release": "trixie",
        "user": 0,
        "container": False,
        "cpus": 8,
        "memory": 32 * GIB,
        "domain_type": "kvm",
        "boot": {"vendor": "AuthenticAMD", "options": ["ro", "quiet"], "next_options": ["ro", "quiet"], "grub": True},
        "name_servers": ["192.0.2.53"],
        "interfaces": [
            link
            | {
                "name": "eno1",
                "mac": f"52:54:00:00:01:{place:02x}",
                "addresses": [f"192.0.2.{10 + place}/24"],
                "vlan_aware": False,
            },
            link | {"name": "eno2", "mac": f"52:54:00:00:02:{place:02x}", "addresses": [], "vlan_aware": False},
        ],
        "bridges": [],
        "routes": [
            {"to": "default", "via": "192.0.2.1", "interface": "eno1", "metric": 0},
            {"to": "192.0.2.0/24", "via": None, "interface": "eno1", "metric": 0},
        ],
        "vlan_filtering": True,
        "disks": [],
        "pci_devices": [],
        "osd_devices": [device(f"disk{place}")],
        "osd_db_devices": [],
        "osd_error": None,
        "ceph": copy.deepcopy(REPORT),
        "images": None,
        "libvirt_version": None,
        "domains": [],
        "missing_packages": ["ceph-mon"],
        "packages_interrupted": False,
        "unreachable_sources": [],
        "clock": 1795224376.9,
        "clock_offset": 0.01,
        "clock_error": 0.02,
        "ha": {"nodes": {}, "watchdogs": [], "bmc": None},
    }


class World:
    """An inventory as Ansible shows it to the plugin, and the answers of the nodes."""

    def __init__(self, image: Path) -> None:
        """Three nodes and two VMs."""
        names = ("node1", "node2", "node3")
        self.groups = {"nodes": list(names), "vms": ["web1", "db1"]}
        self.nodes: dict[str, Any] = {
            "ansible_user": "root",
            "network_bridges": {"lan": {"ports": ["eno1"]}},
            "network_storage": {"interface": "eno2", "cidr": "10.10.0.0/24"},
            "ceph_osd_devices": ["/dev/disk/by-id/nvme-*"],
            "ha_enabled": False,
        }
        self.vms: dict[str, Any] = {
            "ansible_user": "debian",
            "vm_image": "debian-13",
            "vm_images": {"debian-13": {"path": str(image)}},
            "vm_nics": [{"network": "lan"}],
            "vm_ssh_keys": ["ssh-ed25519 AAAA me"],
        }
        self.hosts: dict[str, dict[str, Any]] = {name: {"ansible_host": f"192.0.2.1{name[-1]}"} for name in names}
        self.hosts |= {
            "web1": {
                "ansible_host": "192.0.2.101",
                "vm_vcpus": 2,
                "vm_memory": "2GiB",
                "vm_disks": [{"size": "20GiB"}],
            },
            "db1": {"ansible_host": "192.0.2.102", "vm_disks": [{"size": "20GiB"}, {"size": "50GiB"}]},
        }
        self.facts: dict[str, Any] = {name: facts(place) for place, name in enumerate(names, 1)}
        self.answers: dict[str, Any] = {}

    def add_node(self, name: str) -> None:
        """A further node like the others, with the next addresses."""
        place = len(self.groups["nodes"]) + 1
        self.groups["nodes"].append(name)
        self.hosts[name] = {"ansible_host": f"192.0.2.{10 + place}"}
        self.facts[name] = facts(place)

    def available(self) -> None:
        """High availability with a BMC and a watchdog for each node."""
        self.nodes["ha_enabled"] = True
        for place, name in enumerate(self.groups["nodes"], 1):
            self.facts[name]["ha"]["watchdogs"] = ["/dev/watchdog0"]
            self.hosts[name]["ha_bmc"] = {"address": f"192.0.2.{200 + place}", "user": "admin", "password": "S3cret"}

    def variables(self) -> dict[str, Any]:
        """What the plugin gets of Ansible."""
        hostvars: dict[str, dict[str, Any]] = {}
        for group, common in (("nodes", self.nodes), ("vms", self.vms)):
            for name in self.groups[group]:
                answer = self.answers.get(name) or ({"node": self.facts[name]} if name in self.facts else {})
                hostvars[name] = {
                    **hostvars.get(name, {}),
                    **common,
                    **self.hosts.get(name, {}),
                    "_preflight_node": answer,
                }
        return {"hostvars": hostvars, "groups": self.groups}

    def judge(self) -> tuple[list[str], dict[str, Any] | None]:
        """The sentences and the plan."""
        plugin = ActionModule.__new__(ActionModule)
        plugin._loader, plugin._task = DataLoader(), SimpleNamespace(args={})
        # The node's part is node_info's; here it can reach every address but those of .invalid.
        plugin._execute_module = lambda module_args, **_: {
            "node": {"unreachable_urls": {url: "404 Not Found" for url in module_args["urls"] if ".invalid/" in url}}
        }
        problems = Problems()
        inventory = plugin.read(self.variables(), problems)
        plan = plugin.check(inventory, problems, {"inventory_hostname": "node1"})
        return problems.sentences(), plan


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A raw image with a boot sector."""
    path = tmp_path / "debian-13.raw"
    head = bytearray(1024**2)
    head[510:512] = b"\x55\xaa"
    path.write_bytes(head)
    return path


@pytest.fixture
def world(image: Path) -> World:
    """The healthy cluster."""
    return World(image)


@pytest.fixture
def cluster(world: World) -> World:
    """The healthy cluster with high availability."""
    world.available()
    return world


@pytest.fixture
def plan(world: World) -> Callable[[], dict[str, Any]]:
    """The plan of the world as it is by then; there must be nothing wrong with it."""

    def made() -> dict[str, Any]:
        sentences, found = world.judge()
        assert sentences == []
        assert found is not None
        return found

    return made
