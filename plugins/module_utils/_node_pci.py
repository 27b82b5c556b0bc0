# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PCI devices of this node, as the kernel shows them in sysfs, and what it uses them for.

Kernel documentation: ABI/testing/sysfs-bus-pci, driver-api/vfio.rst. Nothing is changed here.

Private to the collection.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _block_device, _pci_uses
from ansible_collections.cairn.hci.plugins.module_utils._domain_options import pci_address
from ansible_collections.cairn.hci.plugins.module_utils._node import read_text
from ansible_collections.cairn.hci.plugins.module_utils._pci_uses import DEVICES
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

ROOT = Path("/")
# Bridges (PCI Code and ID Assignment Specification, 1.7) stay with the kernel also in a group that is given away.
BRIDGE = "06"
# Where driverctl keeps which device gets which driver at every boot: files pci-ADDRESS, once ADDRESS.
KEPT = "etc/driverctl.d"
# What is added to driverctl's unit of a device.
CONDITION = "etc/systemd/system/driverctl@pci-{address}.service.d/cairn.conf"
# By which selector a device was meant, and its disks: they can't be seen any more once their controller is given away.
NOTES = "var/lib/cairn/pci"


def link(path: Path) -> str | None:
    """The last part of what a symbolic link leads to."""
    try:
        return os.readlink(path).rpartition("/")[2]
    except OSError:
        return None


def override(entry: Path) -> str | None:
    """The driver that alone may take a device."""
    text = read_text(entry / "driver_override").strip()
    return None if text in {"", "(null)"} else text


def namespaces(entry: Path, root: Path) -> set[str]:
    """The disks of an NVMe controller that the kernel keeps with their subsystem, for they may have several paths."""
    controllers = [one.name for one in entry.glob("nvme/nvme*")]
    found = set()
    for subsystem in root.glob("sys/class/nvme-subsystem/*"):
        if any((subsystem / controller).exists() for controller in controllers):
            found |= {one.name for one in subsystem.glob("nvme*n*") if (one / "size").exists()}
    return found


def disks(entry: Path, root: Path) -> list[str]:
    """The kernel's names of the disks behind a device."""
    below = {path.name for path in entry.rglob("block/*") if path.parent.name == "block"}
    below |= {path.name for path in entry.glob("nvme/nvme*/nvme*n*") if (path / "size").exists()}
    return sorted(below | namespaces(entry, root))


def group(entry: Path) -> tuple[int | None, list[str]]:
    """The number of a device's IOMMU group, and the other devices in it that are no bridges."""
    number = link(entry / "iommu_group")
    if number is None:
        return None, []
    others = (one for one in (entry / "iommu_group/devices").iterdir() if one.name != entry.name)
    return int(number), sorted(one.name for one in others if not pci_class(one).startswith(BRIDGE))


def pci_class(entry: Path) -> str:
    """Class and subclass, four hexadecimal digits, such as 0108 for a controller of non-volatile memory."""
    return read_text(entry / "class").strip().removeprefix("0x")[:4]


def device(entry: Path, root: Path = ROOT) -> Object:
    """One device."""
    number, others = group(entry)
    vendor, product = (read_text(entry / name).strip().removeprefix("0x") for name in ("vendor", "device"))
    return {
        "address": entry.name,
        "id": f"{vendor}:{product}",
        "class": pci_class(entry),
        "driver": link(entry / "driver"),
        "override": override(entry),
        "iommu_group": number,
        "group_devices": others,
        "disks": disks(entry, root),
        "links": sorted(path.name for path in entry.rglob("net/*") if path.parent.name == "net"),
    }


def devices(root: Path = ROOT) -> list[Object]:
    """All devices but bridges, by address."""
    entries = sorted(root.glob(f"{DEVICES}/*"))
    return [device(entry, root) for entry in entries if not pci_class(entry).startswith(BRIDGE)]


def report(interfaces: list[Object], root: Path = ROOT) -> list[Object]:
    """All devices but bridges, with their uses; `interfaces` as in `_node_network`."""
    found = devices(root)
    for one in found:
        one["uses"] = _pci_uses.uses(one, interfaces, os.environ, root)
        one["kept"] = any((root / KEPT).glob(f"*{one['address']}"))
        noted = read_note(one["address"], root) if one["kept"] else {}
        # Another card may be in that slot by now, or the slots have other numbers.
        noted = noted if noted.get("id", one["id"]) == one["id"] else {}
        one |= {"kept_for": noted.get("device"), "kept_disks": noted.get("disks", [])}
    return found


def empty_slot(selector: str, root: Path = ROOT) -> Object | None:
    """What is still kept for guests at an address where nothing is any more."""
    address = pci_address(selector)
    if address is None or not any((root / KEPT).glob(f"*{address}")):
        return None
    nothing: Object = {"id": None, "class": None, "driver": None, "override": None, "iommu_group": None}
    nothing |= {"group_devices": [], "disks": [], "links": [], "uses": [], "kept_for": None, "kept_disks": []}
    return {"address": address, "kept": True, **nothing}


def note(selector: str, one: Object, root: Path = ROOT) -> str:
    """What is written down of a device that is given away."""
    disks_behind = [described(kernel, root) for kernel in one["disks"]]
    return json.dumps({"device": selector, "id": one["id"], "disks": disks_behind})


def condition(one: Object) -> str:
    """What systemd asks before driverctl takes a device at boot: whether it is the one that was given away."""
    files = zip(("vendor", "device"), one["id"].split(":"), strict=True)
    lines = [f"ExecCondition=/usr/bin/grep -qx 0x{value} /{DEVICES}/{one['address']}/{name}\n" for name, value in files]
    return "".join(["# Written by cairn.hci.\n[Service]\n", *lines])


def described(kernel: str, root: Path = ROOT) -> Object:
    """A disk as it is known later: its names, size in bytes and kind."""
    entry = root / _pci_uses.BLOCK / kernel
    return {
        "aliases": _block_device.aliases(kernel),
        "size": int(read_text(entry / "size").strip() or 0) * 512,
        "type": _block_device.kind(kernel, read_text(entry / "queue/rotational").strip() == "1"),
    }


def read_note(address: str, root: Path = ROOT) -> Object:
    """What was written down of a device; nothing where another tool has bound it."""
    text = read_text(root / NOTES / address)
    found: Object = json.loads(text) if text.startswith("{") else {"device": text} if text else {}
    return found
