"""The machine that a node of the driver qemu is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plan
import pytest
import qemu


def driver(tmp_path: Path, **own: Any) -> qemu.QemuDriver:
    """The driver of a lab with one node."""
    variables = {"ansible_host": "192.0.2.11", "network_bridges": {"lan": {"ports": ["eno1"]}}, **own}
    listed = {"nodes": {"hosts": ["a"]}, "_meta": {"hostvars": {"a": variables}}}
    return qemu.QemuDriver(plan.build(listed, "x"), tmp_path, "trixie", "8G")


def devices(tmp_path: Path, kind: str, **own: Any) -> list[str]:
    """What the machine has of a kind of device."""
    made = driver(tmp_path, **own)
    return [word for word in made._command(made.plan.nodes[0]) if word.partition(",")[0] == kind]


@pytest.mark.parametrize(
    ("path", "serial"),
    [
        ("/dev/disk/by-id/nvme-LAB_node1_1", "LAB_node1_1"),
        ("/dev/disk/by-id/ata-ST4000-1F2_Z301", "1F2_Z301"),
        ("/dev/disk/by-id/nvme-LAB_a-host-with-a-long-name_12", "name_12"),
        ("/dev/disk/by-id/nvme-LAB_ahostwithalongname_1", "ahostwithalongname_1"),
        ("/dev/sdb", "sdb"),
    ],
)
def test_a_disk_has_the_serial_number_of_its_name(path: str, serial: str) -> None:
    assert qemu.serial(path) == serial


def test_nvme_disks_are_on_the_root_bus_and_the_others_on_sata(tmp_path: Path) -> None:
    own = {"ceph_osd_devices": ["/dev/disk/by-id/nvme-*", "/dev/disk/by-id/nvme-X_1", "/dev/disk/by-id/ata-*"]}
    assert devices(tmp_path, "nvme", **own) == [
        "nvme,drive=disk0,serial=LAB_a_1,bus=pcie.0",
        "nvme,drive=disk1,serial=X_1,bus=pcie.0",
    ]
    assert devices(tmp_path, "ide-hd", **own) == ["ide-hd,drive=disk2,serial=LAB_a_1,bus=ide.0"]


def test_more_sata_disks_than_ports_are_refused(tmp_path: Path) -> None:
    own = {"ceph_osd_devices": [f"/dev/disk/by-id/ata-X_{number}" for number in range(7)]}
    with pytest.raises(plan.LabError, match="7 SATA disks"):
        devices(tmp_path, "ide-hd", **own)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/dev/disk/by-id/nvme-*", False),
        ("/dev/disk/by-id/ata-*", False),
        ("/dev/disk/by-id/nvme-Samsung_SSD_980_S64", True),
        ("/dev/disk/by-id/wwn-*", True),
        ("/dev/sdb", True),
    ],
)
def test_a_disk_has_the_name_of_the_inventory_where_udev_gives_no_such_name(
    tmp_path: Path, path: str, named: bool
) -> None:
    made = driver(tmp_path, ceph_osd_devices=[path])
    rules = made._files(made.plan.nodes[0])["etc/udev/rules.d/90-lab-disks.rules"]
    assert ("SYMLINK" in rules) is named


@pytest.mark.parametrize(("boot", "first"), [("disk", "romfile="), ("network", "bootindex=0")])
def test_the_first_nic_may_be_what_a_node_starts_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boot: str, first: str
) -> None:
    monkeypatch.setattr(qemu, "BOOT", boot)
    cards = devices(tmp_path, "virtio-net-pci", network_bridges={"lan": {"ports": ["eno1", "eno2"]}})
    assert [card.rpartition(",")[2] for card in cards] == [first, "romfile="]
