"""PCI devices in a sysfs made for the test: how one is meant, what it is used for, and when it is given away."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _node_network, _node_pci, _pci, _pci_devices, _pci_uses
from ansible_collections.cairn.hci.plugins.module_utils._pci_devices import PciDevices
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError, converge

NVME, NVME2, SATA, NIC, BRIDGE = "0000:03:00.0", "0000:04:00.0", "0000:00:1f.2", "0000:05:00.0", "0000:00:1c.0"
LAN = {"name": "lan", "addresses": ["192.0.2.11/24"]}
SSH = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.11 22"}


class Node:
    """A node's /sys, /proc and /var."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.add(BRIDGE, "8086:a110", "060400", "pcieport", 1)
        self.add(NVME, "144d:a80a", "010802", "nvme", 1)
        self.add(NVME2, "144d:a80a", "010802", "nvme", 2)
        self.add(SATA, "8086:a102", "010601", "ahci", 3)
        self.add(NIC, "8086:1533", "020000", "igb", 4)
        self.disk("nvme0n1", f"{NVME}/nvme/nvme0")
        self.disk("sda", f"{SATA}/ata1/host0/target0:0:0/0:0:0:0/block")
        self.link("eno1", NIC)

    def add(self, address: str, identity: str, number: str, driver: str, group: int | None) -> None:
        entry = self.root / _pci_uses.DEVICES / address
        entry.mkdir(parents=True)
        vendor, _colon, device = identity.partition(":")
        for name, text in (("vendor", f"0x{vendor}"), ("device", f"0x{device}"), ("class", f"0x{number}")):
            (entry / name).write_text(f"{text}\n")
        (entry / "driver_override").write_text("(null)\n")
        (entry / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
        if group is not None:
            members = self.root / f"sys/kernel/iommu_groups/{group}/devices"
            members.mkdir(parents=True, exist_ok=True)
            (members / address).symlink_to(entry)
            (entry / "iommu_group").symlink_to(members.parent)

    def disk(self, name: str, place: str) -> None:
        entry = self.root / _pci_uses.DEVICES / place / name
        entry.mkdir(parents=True)
        (entry / "size").write_text("1024\n")
        part = entry / f"{name}p1"
        part.mkdir()
        (part / "partition").write_text("1\n")
        (self.root / _pci_uses.BLOCK).mkdir(parents=True, exist_ok=True)
        for each in (entry, part):
            (self.root / _pci_uses.BLOCK / each.name).symlink_to(each)

    def link(self, name: str, address: str) -> None:
        entry = self.root / _pci_uses.DEVICES / address / "net" / name
        entry.mkdir(parents=True)
        (self.root / "sys/class/net").mkdir(parents=True, exist_ok=True)
        (self.root / "sys/class/net" / name).symlink_to(entry)

    def over(self, upper: str, lower: str) -> None:
        """Make one link part of another."""
        entry = self.root / "sys/class/net" / upper
        entry.mkdir()
        (entry / f"lower_{lower}").symlink_to("x")
        (self.root / "sys/class/net" / lower / f"upper_{upper}").symlink_to("x")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def uses(self, address: str, *interfaces: dict[str, Any], environment: dict[str, str] | None = None) -> list[str]:
        (device,) = (one for one in _node_pci.devices(self.root) if one["address"] == address)
        return _pci_uses.uses(device, list(interfaces), environment or {}, self.root)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_devices(node: Node) -> None:
    found = {one["address"]: one for one in _node_pci.devices(node.root)}
    assert list(found) == [SATA, NVME, NVME2, NIC]
    assert found[NVME] == {
        "address": NVME,
        "id": "144d:a80a",
        "class": "0108",
        "driver": "nvme",
        "override": None,
        "iommu_group": 1,
        "group_devices": [],
        "disks": ["nvme0n1"],
        "links": [],
    }
    assert (found[SATA]["disks"], found[NIC]["links"]) == (["sda"], ["eno1"])


def test_a_disk_with_several_paths_is_behind_each_controller(node: Node) -> None:
    (node.root / _pci_uses.DEVICES / NVME2 / "nvme/nvme1").mkdir(parents=True)
    subsystem = node.root / "sys/class/nvme-subsystem/nvme-subsys1"
    (subsystem / "nvme1").mkdir(parents=True)
    node.write("sys/class/nvme-subsystem/nvme-subsys1/nvme1n1/size", "1024\n")
    assert [one["disks"] for one in _node_pci.devices(node.root) if one["address"] == NVME2] == [["nvme1n1"]]


@pytest.mark.parametrize(
    ("selector", "kernel", "address"),
    [
        (NVME, None, NVME),
        ("03:00.0", None, NVME),
        ("8086:A102", None, SATA),
        ("class=0106", None, SATA),
        ("/dev/disk/by-id/nvme-x", "nvme0n1", NVME),
        ("/dev/disk/by-id/gone", None, None),
        ("0000:0a:00.0", None, None),
        (BRIDGE, None, None),
    ],
)
def test_a_selector(node: Node, selector: str, kernel: str | None, address: str | None) -> None:
    found = _pci.pick(selector, _node_pci.report([], node.root), kernel)
    assert (found and found["address"]) == address


@pytest.mark.parametrize(
    ("selector", "sentence"),
    [
        ("144d:a80a", f"PCI device 144d:a80a: 2 match ({NVME}, {NVME2}); choose one by its address."),
        ("class=0108", f"PCI device class=0108: 2 match ({NVME}, {NVME2}); choose one by its address."),
        ("nvme0", "PCI device 'nvme0': write an address (0000:03:00.0), vendor:device"),
    ],
)
def test_a_selector_that_is_none(node: Node, selector: str, sentence: str) -> None:
    with pytest.raises(ResourceError) as error:
        _pci.pick(selector, _node_pci.report([], node.root), None)
    assert str(error.value).startswith(sentence)


def opened(node: Node, path: str) -> None:
    """QEMU has a file open."""
    process = node.root / "proc/4711"
    (process / "fd").mkdir(parents=True)
    (process / "exe").symlink_to("/usr/bin/qemu-system-x86_64")
    (process / "fd/7").symlink_to(path)


def mount(node: Node) -> None:
    node.write("proc/self/mountinfo", "29 1 8:1 / / rw shared:1 - ext4 /dev/nvme0n1p1 rw\n")


def swap(node: Node) -> None:
    node.write("proc/swaps", "Filename Type Size Used Priority\n/dev/nvme0n1p1 partition 976 0 -2\n")


def osd(node: Node) -> None:
    (node.root / "var/lib/ceph/osd/ceph-7").mkdir(parents=True)
    (node.root / "var/lib/ceph/osd/ceph-7/block").symlink_to("/dev/nvme0n1")


def volume(node: Node) -> None:
    """An OSD's logical volume on the partition."""
    (node.root / _pci_uses.BLOCK / "dm-0").mkdir()
    holders = node.root / _pci_uses.BLOCK / "nvme0n1p1/holders"
    holders.mkdir()
    (holders / "dm-0").symlink_to("x")
    (node.root / "var/lib/ceph/osd/ceph-7").mkdir(parents=True)
    (node.root / "var/lib/ceph/osd/ceph-7/block").symlink_to("/dev/dm-0")


def test_what_the_kernel_holds_is_in_use_though_nothing_says_for_what(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pci_uses, "busy", lambda path: path.endswith("/nvme0n1p1"))
    assert node.uses(NVME) == ["nvme0n1p1 is in use"]
    swap(node)
    assert node.uses(NVME) == ["nvme0n1p1 is swap"]


def guest(node: Node) -> None:
    opened(node, "/dev/nvme0n1")


def functions(node: Node) -> None:
    node.write(f"{_pci_uses.DEVICES}/{NVME}/sriov_numvfs", "4\n")


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (guest, "nvme0n1 is a disk of a guest"),
        (functions, "it has virtual functions (4)"),
        (mount, "nvme0n1p1 is mounted on /"),
        (swap, "nvme0n1p1 is swap"),
        (osd, "nvme0n1 is osd.7"),
        (volume, "dm-0 is osd.7"),
    ],
)
def test_what_a_disk_is_used_for(node: Node, use: Callable[[Node], None], words: str) -> None:
    assert node.uses(NVME) == []
    use(node)
    assert node.uses(NVME) == [words]
    assert node.uses(SATA) == []


def test_what_a_link_is_used_for(node: Node) -> None:
    assert node.uses(NIC, LAN, environment=SSH) == []
    assert node.uses(NIC, {"name": "eno1", "addresses": ["10.0.0.1/24"]}) == ["eno1 has the address 10.0.0.1"]
    node.over("bond0", "eno1")
    assert node.uses(NIC, LAN, environment=SSH) == ["eno1 is part of bond0"]
    node.over("lan", "bond0")
    assert node.uses(NIC, LAN, environment=SSH) == ["Ansible reaches this node through eno1"]


@pytest.fixture
def devices(node: Node, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Run the resource on the node; driverctl does what the real one does, in this sysfs."""
    kept = node.root / "etc/driverctl.d"
    kept.mkdir(parents=True)

    def driverctl(_name: str, *words: str) -> str:
        verb, address, *driver = [word for word in words if word != "--noprobe"]
        entry = node.root / _pci_uses.DEVICES / address / "driver"
        entry.unlink()
        if verb == "set-override":
            entry.symlink_to(f"../../../bus/pci/drivers/{driver[0]}")
            (kept / f"pci-{address}").write_text(driver[0])
        else:
            assert "--noprobe" in words, "it ends here where no driver takes the device"
            (kept / f"pci-{address}").unlink()
        return ""

    monkeypatch.setattr(_pci_devices, "run", driverctl)
    monkeypatch.setattr(_node_pci, "ROOT", node.root)
    monkeypatch.setattr(_node_pci, "report", lambda links, read=_node_pci.report: read(links, node.root))
    monkeypatch.setattr(_node_network, "read", lambda: {"interfaces": [LAN]})
    disk = {"/dev/disk/by-id/nvme-x": "nvme0n1"}
    monkeypatch.setattr(_pci_devices, "kernel_name", disk.get)
    for name, value in SSH.items():
        monkeypatch.setenv(name, value)

    def run(*selectors: str, state: str = "present", check_mode: bool = False) -> dict[str, Any]:
        items = [{"device": selector, "driver": "vfio-pci", "state": state} for selector in selectors]
        found = converge(PciDevices({}), items, check_mode)
        if not check_mode and state == "present":
            disk.clear()
        return found

    return run


def test_bind_and_unbind(devices: Any, node: Node) -> None:
    selector = "/dev/disk/by-id/nvme-x"
    assert devices(selector, check_mode=True)["changed"]
    assert os.listdir(node.root / "etc/driverctl.d") == []
    (one,) = devices(selector)["devices"]
    assert (one["address"], one["driver"], one["kept"], one["changed"]) == (NVME, "vfio-pci", True, True)
    assert devices(selector)["changed"] is False, "its disk is gone, and it is still known"
    assert devices(NVME)["changed"] is False
    assert devices(selector, state="absent")["changed"] is True
    assert (node.root / "sys/bus/pci/drivers_probe").read_text() == NVME
    assert devices(NVME, state="absent")["changed"] is False
    assert os.listdir(node.root / "var/lib/cairn/pci") == []


def test_at_boot_only_the_same_device_is_taken(devices: Any, node: Node) -> None:
    devices(NVME)
    condition = node.root / f"etc/systemd/system/driverctl@pci-{NVME}.service.d/cairn.conf"
    assert condition.read_text().splitlines()[2:] == [
        f"ExecCondition=/usr/bin/grep -qx 0x144d /sys/bus/pci/devices/{NVME}/vendor",
        f"ExecCondition=/usr/bin/grep -qx 0xa80a /sys/bus/pci/devices/{NVME}/device",
    ]
    devices(NVME, state="absent")
    assert not condition.exists()


def test_another_device_at_the_address_is_not_the_one_that_was_given_away(devices: Any, node: Node) -> None:
    devices("/dev/disk/by-id/nvme-x")
    node.write(f"{_pci_uses.DEVICES}/{NVME}/device", "0x1234\n")
    (one,) = (one for one in _node_pci.report([]) if one["address"] == NVME)
    assert (one["kept"], one["kept_for"], one["kept_disks"]) == (True, None, [])


def test_an_empty_slot_is_given_back_by_its_address(devices: Any, node: Node) -> None:
    devices(NVME)
    shutil.rmtree(node.root / _pci_uses.DEVICES / NVME)
    assert devices(NVME, state="absent")["changed"] is True
    assert os.listdir(node.root / "etc/driverctl.d") == os.listdir(node.root / "var/lib/cairn/pci") == []
    with pytest.raises(ResourceError, match="this node has none"):
        devices(NVME, state="absent")


def test_what_a_guest_has_is_not_taken_from_it(devices: Any, node: Node) -> None:
    devices(NVME)
    opened(node, "/dev/vfio/1")
    with pytest.raises(ResourceError) as error:
        devices(NVME, state="absent")
    assert str(error.value) == f"PCI device {NVME} ({NVME}): a guest has it; stop the guest first."


def test_bound_again_when_another_driver_has_it(devices: Any, node: Node) -> None:
    devices(NVME)
    entry = node.root / _pci_uses.DEVICES / NVME / "driver"
    entry.unlink()
    entry.symlink_to("../../../bus/pci/drivers/nvme")
    assert devices(NVME)["changed"] is True


def no_iommu(node: Node) -> None:
    for entry in (node.root / _pci_uses.DEVICES).iterdir():
        (entry / "iommu_group").unlink(missing_ok=True)


def share(node: Node) -> None:
    node.add("0000:00:1f.3", "8086:a170", "040300", "snd_hda_intel", 1)


def bridged(node: Node) -> None:
    node.over("lan", "eno1")


@pytest.mark.parametrize(
    ("damage", "selector", "sentence"),
    [
        (None, "0000:0a:00.0", "PCI device 0000:0a:00.0: this node has none; 'lspci -nn' shows what there is."),
        (no_iommu, NVME, f"PCI device {NVME} ({NVME}): the node has no IOMMU, or it is off; switch on "),
        (mount, NVME, f"PCI device {NVME} ({NVME}): nvme0n1p1 is mounted on /; it stays with the node."),
        (share, NVME, f"PCI device {NVME} ({NVME}): its IOMMU group 1 has also 0000:00:1f.3 (snd_hda_intel); give all"),
        (bridged, NIC, f"PCI device {NIC} ({NIC}): Ansible reaches this node through eno1; it stays with the node."),
    ],
)
def test_refused(devices: Any, node: Node, damage: Any, selector: str, sentence: str) -> None:
    if damage:
        damage(node)
    with pytest.raises(ResourceError) as error:
        devices(selector)
    assert str(error.value).startswith(sentence)
    assert os.listdir(node.root / "etc/driverctl.d") == []


def test_a_group_is_given_as_a_whole(devices: Any, node: Node) -> None:
    share(node)
    assert devices(NVME, "0000:00:1f.3")["changed"] is True


def test_a_container_has_none(devices: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_node_pci, "report", lambda _links: [])
    with pytest.raises(ResourceError, match="a container can't give any to guests"):
        devices(NVME)
