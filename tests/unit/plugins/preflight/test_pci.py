"""Devices of a node that VMs have for themselves: the plan, and what is said of those that can't be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

ID = "/dev/disk/by-id/nvme-x"
Plan = Callable[[], dict[str, Any]]


def device(address: str, **more: Any) -> dict[str, Any]:
    """A device as node_info reports it."""
    found: dict[str, Any] = {
        "address": address,
        "id": "144d:a80a",
        "class": "0108",
        "driver": "nvme",
        "override": None,
        "kept": False,
    }
    found |= {
        "kept_for": None,
        "kept_disks": [],
        "iommu_group": int(address[5:7]),
        "group_devices": [],
        "disks": [],
        "links": [],
    }
    return found | {"uses": [], **more}


@pytest.fixture
def node1(world: Any) -> Any:
    """The world; its db1 is on node1 and has a device."""
    facts = world.facts["node1"]
    facts["pci_devices"] = [
        device("0000:03:00.0", disks=["nvme0n1"]),
        device("0000:04:00.0"),
        device("0000:05:00.0", id="8086:1533", uses=["eno1 has the address 192.0.2.11"], driver="igb"),
        device("0000:06:00.0", id="10de:1b80", group_devices=["0000:06:00.1"], driver="nouveau"),
        device("0000:06:00.1", id="10de:10f0", group_devices=["0000:06:00.0"], driver="snd_hda_intel"),
    ]
    facts["disks"] = [{"path": "/dev/nvme0n1", "links": [ID]}]
    world.hosts["db1"] |= {"vm_node": "node1", "vm_pci_devices": ["0000:03:00.0"]}
    return world


@pytest.mark.parametrize("selector", ["0000:03:00.0", "03:00.0", ID, "/dev/nvme0n1"])
def test_the_plan(node1: Any, plan: Plan, selector: str) -> None:
    node1.hosts["db1"]["vm_pci_devices"] = [selector]
    made = plan()
    assert made["nodes"]["node1"]["pci_devices"] == [{"device": selector}]
    assert made["nodes"]["node2"]["pci_devices"] == []
    (domain,) = made["domains"]["node1"]
    assert domain["pci_devices"] == ["0000:03:00.0"]


def test_a_device_that_is_kept_is_known_without_its_disk(node1: Any, plan: Plan) -> None:
    node1.hosts["db1"]["vm_pci_devices"] = [ID]
    node1.facts["node1"]["disks"] = []
    node1.facts["node1"]["pci_devices"][0] |= {"kept": True, "kept_for": ID, "driver": "vfio-pci", "disks": []}
    assert plan()["domains"]["node1"][0]["pci_devices"] == ["0000:03:00.0"]


def test_a_group_is_given_as_a_whole(node1: Any, plan: Plan) -> None:
    node1.hosts["db1"]["vm_pci_devices"] = ["0000:06:00.0", "0000:06:00.1"]
    assert plan()["domains"]["node1"][0]["pci_devices"] == ["0000:06:00.0", "0000:06:00.1"]


def nothing(_world: Any) -> None:
    """No further change."""


def free(world: Any) -> None:
    del world.hosts["db1"]["vm_node"]


def off(world: Any) -> None:
    for one in world.facts["node1"]["pci_devices"]:
        one["iommu_group"] = None


def twice(world: Any) -> None:
    world.hosts["db1"]["vm_pci_devices"].append("03:00.0")


def taken(world: Any) -> None:
    world.hosts["web1"] |= {"vm_node": "node1", "vm_pci_devices": ["03:00.0"]}


@pytest.mark.parametrize(
    ("selector", "change", "sentence"),
    [
        ("0000:03:00.0", free, "db1: vm_pci_devices are devices of one node: say with vm_node on which it runs."),
        (
            "0000:09:00.0",
            nothing,
            "db1: vm_pci_devices: node1: the node has no PCI device 0000:09:00.0; 'lspci -nn' shows there what it has.",
        ),
        (
            "144d:a80a",
            nothing,
            "db1: vm_pci_devices: node1: PCI device 144d:a80a: 2 match (0000:03:00.0, 0000:04:00.0); choose one by its "
            "address.",
        ),
        (
            "nvme",
            nothing,
            "db1: vm_pci_devices: node1: PCI device 'nvme': write an address (0000:03:00.0), vendor:device "
            "(144d:a80a), class=0108, or a disk behind it (/dev/disk/by-id/...).",
        ),
        (
            "0000:03:00.0",
            off,
            "db1: vm_pci_devices: 0000:03:00.0 of node1: the node has no IOMMU, or it is off; switch on AMD-Vi in "
            "the firmware.",
        ),
        (
            "8086:1533",
            nothing,
            "db1: vm_pci_devices: 0000:05:00.0 of node1: eno1 has the address 192.0.2.11; it stays with the node.",
        ),
        (
            "10de:1b80",
            nothing,
            "db1: vm_pci_devices: 0000:06:00.0 of node1: its IOMMU group 6 has also 0000:06:00.1 (snd_hda_intel); give "
            "all of them away, or put the device into another slot.",
        ),
        (
            ID,
            twice,
            "db1: vm_pci_devices: 03:00.0 is 0000:03:00.0, which is in the list already; remove it.",
        ),
        (
            "0000:03:00.0",
            taken,
            "db1: vm_pci_devices: web1 has 0000:03:00.0 of node1, too; remove it from one.",
        ),
    ],
)
def test_one_sentence(node1: Any, selector: str, change: Callable[[Any], None], sentence: str) -> None:
    node1.hosts["db1"]["vm_pci_devices"] = [selector]
    change(node1)
    assert node1.judge() == ([sentence], None)


def test_a_group_has_one_owner(node1: Any) -> None:
    node1.hosts["db1"]["vm_pci_devices"] = ["0000:06:00.0"]
    node1.hosts["web1"] |= {"vm_node": "node1", "vm_pci_devices": ["0000:06:00.1"]}
    sentences, _plan = node1.judge()
    assert sorted(sentence.partition(";")[0] for sentence in sentences) == [
        "db1: vm_pci_devices: 0000:06:00.0 of node1: its IOMMU group 6 has also 0000:06:00.1 (snd_hda_intel)",
        "web1: vm_pci_devices: 0000:06:00.1 of node1: its IOMMU group 6 has also 0000:06:00.0 (nouveau)",
    ]
