"""The options of `domain` in the spelling of a domain's XML."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._domain_options import (
    Host,
    Normaliser,
    derive_mac,
    free_target,
    head_room_vcpus,
    new_uuid,
    same_machine,
)
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

KVM = Host("kvm", "x86_64", frozenset({"q35", "pc-q35-10.0", "pc"}), 11_003_000)
OLD = Host("qemu", "x86_64", frozenset({"q35"}), 9_000_000)
COMMON = {"ceph_user": "libvirt", "ceph_secret_uuid": "8C3A7E6E-6A5C-4B3C-9A37-0F6A1E0D5A12", "domain_type": "auto"}
DISK = {"name": "root", "pool": "vms", "image": "web1.root"}
NOW: dict[str, Any] = {
    "name": "web1",
    "uuid": new_uuid("web1"),
    "vcpus": 1,
    "vcpus_max": 4,
    "memory": "1GiB",
    "memory_max": "4GiB",
    "machine": "pc-q35-9.2",
    "disks": [{"name": "root", "target": "vdc", "bus": "virtio", "pool": "vms", "image": "web1.root"}],
    "nics": [{"name": "lan", "bridge": "lan", "mac": "52:54:00:aa:bb:cc"}],
}


def normal(current: dict[str, Any] | None = None, host: Host | None = KVM, **wanted: Any) -> dict[str, Any]:
    return Normaliser({"name": "web1", **wanted}, current, host, COMMON).options()


def test_a_new_domain_is_complete() -> None:
    found = normal(memory="2048M", disks=[DISK], nics=[{"name": "lan", "bridge": "lan"}])
    assert found["uuid"] == new_uuid("web1")
    assert (found["memory"], found["memory_max"], found["vcpus"], found["vcpus_max"]) == ("2GiB", "8GiB", 1, 4)
    assert (found["cpu_model"], found["machine"], found["firmware"]) == ("host-model", "q35", "bios")
    assert found["disks"] == [
        {
            **DISK,
            "ceph_user": "libvirt",
            "ceph_secret_uuid": COMMON["ceph_secret_uuid"].lower(),
            "bus": "virtio",
            "format": "raw",
            "cache": "writeback",
            "discard": True,
            "iops": 0,
            "bandwidth": "0B",
            "boot_order": 1,
            "serial": "root",
            "readonly": False,
        }
    ]
    assert found["nics"][0]["mac"] == derive_mac("web1", "lan")
    assert found["nics"][0]["vlan"] == 0


def test_emulation_gets_a_cpu_that_all_systems_accept() -> None:
    assert normal(host=OLD)["cpu_model"] == "maximum"


def test_check_mode_without_libvirt_predicts() -> None:
    found = normal(host=None, nics=[{"name": "lan", "bridge": "lan", "vlan": 5}])
    assert found["nics"][0]["vlan"] == 5
    assert "cpu_model" not in found


def test_what_is_not_given_is_left_alone() -> None:
    assert normal(NOW) == {"name": "web1"}


def test_a_domain_keeps_addresses_targets_and_machine_version() -> None:
    found = normal(NOW, machine="q35", disks=[DISK], nics=[{"name": "lan", "bridge": "other"}])
    assert found["machine"] == "pc-q35-9.2"
    assert "cache" not in found["disks"][0]
    assert found["nics"][0] == {"name": "lan", "bridge": "other", "mac": "52:54:00:aa:bb:cc"}


@pytest.mark.parametrize(
    ("wanted", "vcpus_max", "memory_max"),
    [
        ({"vcpus": 4}, None, None),
        ({"vcpus": 5}, 10, None),
        ({"memory": "4GiB"}, None, None),
        ({"memory": "5GiB"}, None, "20GiB"),
        ({"memory": "5GiB", "memory_max": "6GiB"}, None, "6GiB"),
    ],
)
def test_ceilings_are_raised_only_when_needed(
    wanted: dict[str, Any], vcpus_max: int | None, memory_max: str | None
) -> None:
    found = normal(NOW, **wanted)
    assert (found.get("vcpus_max"), found.get("memory_max")) == (vcpus_max, memory_max)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"memory": "2"}, "web1: memory: '2' is not a size"),
        ({"memory": "1500KiB"}, "not a whole number of MiB"),
        ({"memory": "2GiB", "memory_max": "1GiB"}, "memory_max is 1GiB, less than the 2GiB"),
        ({"vcpus": 0}, "at least 1"),
        ({"vcpus": 8, "vcpus_max": 4}, "vcpus_max is 4, less than the 8"),
        ({"uuid": "x"}, "not a UUID"),
        ({"machine": "q36"}, "machine 'q36' is not known"),
        ({"disks": [{"name": "a"}]}, "disk a needs either pool and image, or file, or device"),
        ({"disks": [{"name": "a", "image": "x"}]}, "disk a needs either"),
        ({"disks": [{**DISK, "file": "/x"}]}, "disk root needs either"),
        ({"disks": [DISK, DISK]}, "disk root is given twice"),
        ({"pci_devices": ["03:00.0", "0000:03:00.0"]}, "PCI device 0000:03:00.0 is given twice"),
        ({"pci_devices": ["144d:a80a"]}, "pci_devices: '144d:a80a' is not the address of a PCI device"),
        ({"disks": [{**DISK, "name": "a b"}]}, "disk 'a b' can't be a name"),
        ({"disks": [{**DISK, "bandwidth": "100"}]}, "disk root: bandwidth: '100' is not a size"),
        ({"nics": [{"name": "a"}]}, "nic a needs either a bridge or a network"),
        ({"nics": [{"name": "a", "bridge": "b", "mac": "1"}]}, "1 is not the MAC address"),
        ({"nics": [{"name": "a", "bridge": "b", "mac": "53:54:00:00:00:01"}]}, "not the MAC address of a single card"),
        ({"nics": [{"name": "a", "bridge": "b", "vlan": 4095}]}, "VLAN 4095 does not exist"),
        ({"cloud_init": {"image": "x"}}, "cloud_init needs either"),
        ({"name": "a/b"}, "can't be a name"),
    ],
)
def test_what_can_not_be_is_one_sentence(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        normal(**wanted)


def test_vlans_need_a_new_libvirt() -> None:
    nics = [{"name": "lan", "bridge": "lan", "vlan": 5}]
    assert normal(nics=nics)["nics"][0]["vlan"] == 5
    with pytest.raises(ResourceError, match=r"need libvirt 11.0 \(Debian 13\), this node has 9.0"):
        normal(host=OLD, nics=nics)


def test_a_uuid_never_changes() -> None:
    with pytest.raises(ResourceError, match="can't become"):
        normal(NOW, uuid="8c3a7e6e-6a5c-4b3c-9a37-0f6a1e0d5a11")


def test_a_renamed_disk_is_known_by_its_data() -> None:
    assert "cache" not in normal(NOW, disks=[{**DISK, "name": "system"}])["disks"][0]


def test_a_nic_of_another_tool_is_adopted() -> None:
    now = NOW | {"nics": [{"name": "nic0", "bridge": "lan", "mac": "52:54:00:aa:bb:cc"}]}
    assert normal(now, nics=[{"name": "front", "bridge": "lan"}])["nics"][0]["mac"] == "52:54:00:aa:bb:cc"


def test_names_and_addresses_do_not_change_with_releases() -> None:
    assert new_uuid("web1") == "aed3f03b-0889-5582-b09b-be4dc07997c6"
    assert derive_mac("web1", "lan") == "52:54:00:f6:49:df"


@pytest.mark.parametrize(("vcpus", "most"), [(1, 4), (2, 4), (4, 8), (200, 240), (300, 300)])
def test_head_room_for_vcpus(vcpus: int, most: int) -> None:
    assert head_room_vcpus(vcpus) == most


@pytest.mark.parametrize(
    ("wanted", "current", "same"),
    [
        ("q35", "pc-q35-10.0", True),
        ("pc", "pc-i440fx-10.0", True),
        ("virt", "virt-10.0", True),
        ("pc-q35-9.2", "pc-q35-10.0", False),
        ("q35", "pc-i440fx-10.0", False),
    ],
)
def test_same_machine(wanted: str, current: str, same: bool) -> None:
    assert same_machine(wanted, current) is same


def test_targets_go_beyond_z() -> None:
    taken = {f"vd{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"}
    assert free_target("virtio", taken) == "vdaa"
