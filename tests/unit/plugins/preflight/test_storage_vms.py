"""Nodes whose disks a storage VM has: what is planned, how a disk is known that is given away, and what is refused."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.cairn.hci.plugins.module_utils import _plan_text

from .conftest import GIB, device
from .test_bad_input import both, put
from .test_pci import device as controller

Plan = Callable[[], dict[str, Any]]
Change = Callable[[Any], None]
DISK1 = "/dev/disk/by-id/nvme-disk1"
SLOT = "/dev/disk/by-path/pci-0000:03:00.0-nvme-1"
STORE = ("hosts", "store1")


@pytest.fixture
def storage(world: Any) -> Any:
    """The world with a storage VM for each node."""
    world.nodes |= {
        "ceph_osd_placement": "vm",
        "network_bridges": {"lan": {"ports": ["eno1"]}, "storage": {"ports": ["eno2"], "addresses": []}},
        "network_storage": {"interface": "storage", "cidr": "10.10.0.0/24"},
    }
    world.groups["storage_vms"] = []
    for place in (1, 2, 3):
        node, vm, facts = f"node{place}", f"store{place}", world.facts[f"node{place}"]
        world.groups["vms"].append(vm)
        world.groups["storage_vms"].append(vm)
        nics = [{"network": "lan"}, {"network": "storage"}]
        world.hosts[vm] = {"ansible_host": f"192.0.2.5{place}", "vm_node": node, "vm_nics": nics}
        facts["disks"] = [{"path": "/dev/nvme0n1", "links": facts["osd_devices"][0]["aliases"][:1]}]
        facts["pci_devices"] = [controller("0000:03:00.0", disks=["nvme0n1"])]
    return world


def give_away(world: Any, place: int = 1) -> None:
    """What a node answers when its storage VM has its disks."""
    facts = world.facts[f"node{place}"]
    (disk,) = facts["osd_devices"]
    noted = [{key: disk[key] for key in ("aliases", "size", "type")}]
    facts["pci_devices"][0] |= {"kept": True, "kept_for": disk["path"], "kept_disks": noted, "driver": "vfio-pci"}
    facts["pci_devices"][0]["disks"] = []
    facts |= {"osd_devices": [], "disks": []}


def test_the_plan(storage: Any, plan: Plan) -> None:
    made = plan()
    assert made["nodes"]["node1"]["storage_vm"] == "store1"
    assert made["nodes"]["node1"]["pci_devices"] == [{"device": DISK1}]
    store = made["storage_vms"]["store1"]
    assert (store["node"], store["address"], store["devices"], store["wipe"]) == ("node1", "10.10.0.101", [DISK1], [])
    domain = store["domain"]
    assert (domain["vcpus"], domain["memory"], domain["pci_devices"]) == (2, "5952MiB", ["0000:03:00.0"])
    assert domain["disks"] == [{"name": "disk0", "file": "/var/lib/libvirt/images/store1.qcow2"}]
    assert domain["cloud_init"] == {"file": "/var/lib/libvirt/images/store1.seed.iso"}
    assert (domain["autostart"], domain["restart"]) == (False, "never")
    assert store["upload"]["path"] == store["image"]["source"]
    assert store["seed"]["network_config"]["ethernets"]["nic1"]["addresses"] == ["10.10.0.101/24"]


def test_what_the_cluster_keeps_is_not_for_a_storage_vm(storage: Any, plan: Plan) -> None:
    made = plan()
    for kind in ("disks", "seeds", "ha_vms"):
        assert not [item for item in made[kind] if item["name"].startswith("store")]
    assert not [item for items in made["domains"].values() for item in items if item["name"].startswith("store")]
    assert made["vms"]["store1"]["node"] == "node1", "status and verify know it"
    assert "nvme-disk1 100 GiB new in store1" in "\n".join(_plan_text.lines(made))


def test_what_the_modules_are_given_is_what_they_take(storage: Any, plan: Plan) -> None:
    for store in plan()["storage_vms"].values():
        for module, item in (("domain", "domain"), ("cloud_init_seed", "seed"), ("image_file", "image")):
            options = importlib.import_module(f"ansible_collections.cairn.hci.plugins.modules.{module}").OPTIONS
            assert ArgumentSpecValidator(options).validate(store[item]).error_messages == [], module


@pytest.mark.parametrize("patterns", [["/dev/disk/by-id/nvme-*"], [DISK1], ["/dev/nvme*"], []])
def test_a_disk_that_is_given_away_is_known(storage: Any, plan: Plan, patterns: list[str]) -> None:
    storage.nodes["ceph_osd_filter"] = {"type": "nvme", "count": 1}
    storage.hosts["node1"]["ceph_osd_devices"] = patterns
    before = plan()["storage_vms"]["store1"]
    give_away(storage)
    made = plan()
    assert made["storage_vms"]["store1"] == before
    assert made["nodes"]["node1"]["osds"] == [{"path": DISK1, "size": 100 * GIB, "plan": "keep", "osds": 1, "new": 0}]
    assert made["nodes"]["node1"]["pci_devices"] == [{"device": DISK1}]


@pytest.mark.parametrize(("wipe", "after"), [("/dev/nvme0n1", []), (DISK1, [DISK1]), (SLOT, [DISK1])])
def test_the_kernels_name_of_a_disk_that_was_given_away_is_no_consent(
    storage: Any, plan: Plan, wipe: str, after: list[str]
) -> None:
    storage.hosts["node1"]["ceph_osd_wipe"] = [wipe]
    storage.facts["node1"]["osd_devices"][0]["aliases"].append(SLOT)
    assert plan()["storage_vms"]["store1"]["wipe"] == [DISK1]
    give_away(storage)
    assert plan()["storage_vms"]["store1"]["wipe"] == after


def test_a_disk_that_is_excluded_is_not_taken(storage: Any, plan: Plan) -> None:
    storage.facts["node1"]["osd_devices"].append(device("spare", kernel="nvme1n1"))
    storage.facts["node1"]["pci_devices"].append(controller("0000:04:00.0", disks=["nvme1n1"]))
    give = storage.facts["node1"]["osd_devices"].pop()
    give_away(storage)
    noted = [{key: give[key] for key in ("aliases", "size", "type")}]
    storage.facts["node1"]["pci_devices"][1] |= {"kept": True, "kept_for": give["path"], "kept_disks": noted}
    storage.hosts["node1"]["ceph_osd_devices"] = ["/dev/disk/by-id/nvme-*", "!/dev/disk/by-id/nvme-spare"]
    assert plan()["storage_vms"]["store1"]["devices"] == [DISK1]


def test_two_disks_behind_one_controller(storage: Any, plan: Plan) -> None:
    names = ["/dev/disk/by-id/nvme-other", "/dev/nvme0n2"]
    storage.facts["node1"]["osd_devices"].append(device("other", kernel="nvme0n2", aliases=names))
    storage.facts["node1"]["pci_devices"][0]["disks"].append("nvme0n2")
    store = plan()["storage_vms"]["store1"]
    assert store["devices"] == [DISK1, "/dev/disk/by-id/nvme-other"]
    assert (store["domain"]["pci_devices"], store["domain"]["vcpus"]) == (["0000:03:00.0"], 3)


def test_consent_is_by_the_name_in_the_storage_vm(storage: Any, plan: Plan) -> None:
    storage.hosts["node1"]["ceph_osd_wipe"] = ["/dev/nvme0*"]
    storage.facts["node1"]["osd_devices"][0]["signatures"] = ["ext4"]
    made = plan()
    assert made["nodes"]["node1"]["osds"][0]["plan"] == "erase"
    assert made["storage_vms"]["store1"]["wipe"] == [DISK1]


def test_sizes_that_are_given(storage: Any, plan: Plan) -> None:
    storage.vms["vm_memory"] = "384MiB"
    storage.hosts["store1"] |= {"vm_memory": "6GiB", "vm_vcpus": 4}
    storage.hosts["store2"]["vm_memory"] = storage.hosts["store3"]["vm_memory"] = None
    made = plan()["storage_vms"]
    assert [made[name]["domain"]["memory"] for name in ("store1", "store2")] == ["6GiB", "5952MiB"]


def test_the_memory_of_the_osds_is_counted_once(storage: Any, plan: Plan) -> None:
    storage.available()
    made = plan()
    # 32 GiB less 2 for the node and 5952 MiB for the storage VM.
    assert made["ha"]["capacity"]["node1"]["memory"] == (32 - 2) * 1024 - 5952


def test_a_storage_vm_that_is_there(storage: Any, plan: Plan) -> None:
    storage.hosts["store1"]["vm_disks"] = [{"size": "10GiB"}]
    assert plan()["storage_vms"]["store1"]["image"]["size"] == "10GiB"
    give_away(storage)
    running = {"name": "store1", "uuid": "1", "memory": 5952 * 1024**2, "vcpus": 2, "active": True}
    storage.facts["node1"]["domains"] = [running]
    store = plan()["storage_vms"]["store1"]
    assert store["upload"] is None
    assert "size" not in store["image"]
    assert store["domain"]["disks"][0]["size"] == "10GiB", "a running one is grown through its domain"


def test_one_network_for_all(storage: Any, plan: Plan) -> None:
    del storage.nodes["network_storage"]
    storage.nodes["network_bridges"] = {"lan": {"ports": ["eno1"]}}
    for name in ("store1", "store2", "store3"):
        del storage.hosts[name]["vm_nics"]
    assert plan()["storage_vms"]["store1"]["address"] == "192.0.2.51"


def test_without_storage_vms_nothing_is_different(world: Any, plan: Plan) -> None:
    made = plan()
    assert made["storage_vms"] == {}
    assert made["nodes"]["node1"]["storage_vm"] is None


def second(world: Any) -> None:
    world.groups["vms"].append("store4")
    world.groups["storage_vms"].append("store4")
    world.hosts["store4"] = copy.deepcopy(world.hosts["store1"]) | {"ansible_host": "192.0.2.54"}


def undeclared(world: Any) -> None:
    for group in ("vms", "storage_vms"):
        world.groups[group].remove("store1")


def outside(world: Any) -> None:
    world.groups["vms"].remove("store1")


def of_node1(**changes: Any) -> Change:
    """What node1 answers of the controller of its disk."""

    def change(world: Any) -> None:
        world.facts["node1"]["pci_devices"][0] |= changes

    return change


def shared(world: Any) -> None:
    other = controller("0000:03:00.1", driver="ahci", id="8086:a102")
    world.facts["node1"]["pci_devices"][0]["group_devices"] = ["0000:03:00.1"]
    world.facts["node1"]["pci_devices"].append(other)


def no_link(world: Any) -> None:
    world.nodes["network_storage"]["interface"] = "eno3"
    link = {"name": "eno3", "mac": "", "mtu": 1500, "max_mtu": 1500, "kind": "ether", "addresses": []}
    for place in (1, 2, 3):
        world.facts[f"node{place}"]["interfaces"].append(link | {"vlan_aware": False})


def container(world: Any) -> None:
    world.facts["node1"]["pci_devices"] = []


def nameless(world: Any) -> None:
    world.facts["node1"]["osd_devices"][0] |= {"path": "/dev/nvme0n1", "aliases": ["/dev/nvme0n1"]}


CASES: dict[str, tuple[Change, str]] = {
    "none declared": (
        both(undeclared),
        "node1: ceph_osd_placement is vm, and no storage VM is declared for it; add a line such as 'store-node1: "
        "{ansible_host: ADDRESS, vm_node: node1}' to the group storage_vms, or use placement host.",
    ),
    "two for one node": (
        second,
        "store4: vm_node: store1 is the storage VM of node1 already, and a node has one; remove one of the two.",
    ),
    "no child of vms": (
        both(outside, put("hosts", "node1", "ceph_osd_placement", "host")),
        "store1: it is in the group storage_vms and not in vms; make storage_vms a child group of vms.",
    ),
    "placement host": (
        put("hosts", "node1", "ceph_osd_placement", "host"),
        "store1: node1 has ceph_osd_placement: host; set it to vm, or take store1 out of storage_vms.",
    ),
    "no node": (
        both(put(*STORE, "vm_node", None), put("hosts", "node1", "ceph_osd_placement", "host")),
        "store1: vm_node is missing; name the node whose disks it has, one of node1, node2, node3.",
    ),
    "no disks": (
        both(put("hosts", "node1", "ceph_osd_devices", []), put("nodes", "ceph_pools", {"vms": {"size": 2}})),
        "store1: node1 has no ceph_osd_devices, so there is nothing to do for it; add them, or remove it.",
    ),
    "no bridge": (
        no_link,
        "node1, node2, node3: network_storage.interface: eno3 is no bridge, and the storage VM needs a link to that "
        "network; write network_bridges: {storage: {ports: [eno3], addresses: []}} and interface: storage.",
    ),
    "no nic": (
        put(*STORE, "vm_nics", [{"network": "lan"}]),
        "store1: vm_nics: it has none in storage, which leads to Ceph's network; add {network: storage}.",
    ),
    "dhcp": (
        put(*STORE, "vm_nics", [{"network": "lan"}, {"network": "storage", "address": "dhcp"}]),
        "store1: vm_nics: its address in storage, Ceph's network, must stay the same; write it there.",
    ),
    "another network": (
        put(*STORE, "vm_nics", [{"network": "lan"}, {"network": "storage", "address": "10.11.0.9"}]),
        "store1: vm_nics[1].address: 10.11.0.9 is not a host address of 10.10.0.0/24; choose one of that network.",
    ),
    "no image": (
        put(*STORE, "vm_image", None),
        "store1: vm_image is missing; the disk of a storage VM is made of an image.",
    ),
    "unknown image": (
        put(*STORE, "vm_image", "debian-14"),
        "store1: vm_image: debian-14 is not in vm_images; did you mean debian-13?",
    ),
    "two disks": (
        put(*STORE, "vm_disks", [{"size": "8GiB"}, {"size": "8GiB"}]),
        "store1: vm_disks: a storage VM has one disk, on its node, and of it only a size is said; its OSDs are on what "
        "ceph_osd_devices of the node means.",
    ),
    "stopped": (
        put(*STORE, "vm_power", "stopped"),
        "store1: vm_power is stopped, and without it the node has no OSDs; remove vm_power.",
    ),
    "too little memory": (
        put(*STORE, "vm_memory", "2GiB"),
        "store1: vm_memory 2GiB is too little for 1 OSD with ceph_osd_memory 4GiB; give at least 4608MiB, or leave it "
        "empty (vm_memory: ) for 5952MiB.",
    ),
    "a small node": (
        put("facts", "node1", "memory", 7 * GIB),
        "store1: node1, by vm_node, has only 5 GiB of memory and 32 vcpus left for its 5.81 GiB and 2; make VMs "
        "smaller, or stop it and set vm_node.",
    ),
    "no iommu": (
        of_node1(iommu_group=None),
        "store1: ceph_osd_placement: vm: 0000:03:00.0 of node1: the node has no IOMMU, or it is off; switch on AMD-Vi "
        "in the firmware.",
    ),
    "a shared group": (
        shared,
        "store1: ceph_osd_placement: vm: 0000:03:00.0 of node1: its IOMMU group 3 has also 0000:03:00.1 (ahci); give "
        "all of them away, or put the device into another slot.",
    ),
    "in use": (
        of_node1(uses=["nvme0n1p1 is mounted on /"]),
        "store1: ceph_osd_placement: vm: 0000:03:00.0 of node1: nvme0n1p1 is mounted on /; it stays with the node.",
    ),
    "no controller": (
        container,
        f"store1: ceph_osd_placement: vm: node1: the node has no PCI device {DISK1}; 'lspci -nn' shows there what it "
        "has.",
    ),
    "no lasting name": (
        nameless,
        "node1: ceph_osd_placement: /dev/nvme0n1 has no name below /dev/disk/by-id/, by which the storage VM could "
        "know it; take it out of ceph_osd_devices, or use placement host.",
    ),
    "no such disk": (
        both(put("facts", "node1", "osd_devices", []), put("facts", "node1", "disks", [])),
        "node1: ceph_osd_devices: no disk matches /dev/disk/by-id/nvme-*; correct it.",
    ),
    "data on the disk": (
        put("facts", "node1", "osd_devices", 0, "signatures", ["ext4"]),
        f"node1: {DISK1} is not empty (ext4); name it in ceph_osd_wipe if that may be lost.",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), CASES.values(), ids=CASES)
def test_one_sentence(storage: Any, change: Change, sentence: str) -> None:
    change(storage)
    assert storage.judge() == ([sentence], None)
