# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node uses a PCI device for, so that it is not taken away: one sentence's part for each use.

Private to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils._block_device import busy
from ansible_collections.cairn.hci.plugins.module_utils._node import read_text
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

ROOT = Path("/")
BLOCK = "sys/class/block"
DEVICES = "sys/bus/pci/devices"


def stacked(kernel: str, root: Path = ROOT) -> set[str]:
    """A disk's name with those of its partitions, and of all that lies on them (RAID, device-mapper)."""
    entry = root / BLOCK / kernel
    children = {one.name for one in entry.glob(f"{kernel}*") if (one / "partition").exists()}
    children |= {one.name for one in entry.glob("holders/*")}
    return {kernel}.union(*(stacked(child, root) for child in children))


def mounted(root: Path = ROOT) -> dict[str, list[str]]:
    """Where each block device is mounted, by its kernel name; by its path, for a btrfs has a number of its own."""
    found: dict[str, list[str]] = {}
    for fields in map(str.split, read_text(root / "proc/self/mountinfo").splitlines()):
        source = fields[fields.index("-") + 2] if "-" in fields else ""
        if source.startswith("/dev/"):
            found.setdefault(os.path.basename(os.path.realpath(source)), []).append(fields[4])
    return found


def swaps(root: Path = ROOT) -> set[str]:
    """The kernel names of the block devices that are swapped to."""
    lines = read_text(root / "proc/swaps").splitlines()[1:]
    return {os.path.basename(os.path.realpath(line.split()[0])) for line in lines if line.startswith("/dev/")}


def osds(root: Path = ROOT) -> dict[str, str]:
    """The OSDs that are activated, by the kernel name of the device that each is on."""
    found = {}
    for path in root.glob("var/lib/ceph/osd/*/block*"):
        if path.is_symlink():
            found[os.path.basename(os.path.realpath(path))] = f"osd.{path.parent.name.rpartition('-')[2]}"
    return found


def guests(root: Path = ROOT) -> set[str]:
    """The files that QEMU has open: disks, and groups of VFIO."""
    found = set()
    for process in root.glob("proc/[0-9]*"):
        with suppress(OSError):  # It has ended, or is a thread of the kernel's.
            if os.path.basename(os.readlink(process / "exe")).startswith("qemu-system"):
                for one in (process / "fd").iterdir():
                    with suppress(FileNotFoundError):  # Closed meanwhile.
                        found.add(os.readlink(one))
    return found


def disk_uses(kernel: str, root: Path = ROOT) -> Iterator[str]:
    """What a disk is used for."""
    places, paging, daemons = mounted(root), swaps(root), osds(root)
    names = sorted(stacked(kernel, root))
    for name in names:
        for place in places.get(name, []):
            yield f"{name} is mounted on {place}"
        if name in paging:
            yield f"{name} is swap"
        if name in daemons:
            yield f"{name} is {daemons[name]}"
    opened = guests(root)
    yield from (f"{name} is a disk of a guest" for name in names if f"/dev/{name}" in opened)
    if not {*places, *paging, *daemons} & set(names):
        # A pool of ZFS, an array or a volume of a guest is mounted under no name of these.
        yield from (f"{name} is in use" for name in names if busy(str(root / "dev" / name)))


def below(link: str, root: Path = ROOT) -> set[str]:
    """A link and all that it is made of: ports of a bridge, links of a bond, what a VLAN is on."""
    lower = {one.name.removeprefix("lower_") for one in (root / "sys/class/net" / link).glob("lower_*")}
    return {link}.union(*(below(one, root) for one in lower))


def above(link: str, root: Path = ROOT) -> list[str]:
    """The links that are made of a link."""
    return sorted(one.name.removeprefix("upper_") for one in (root / "sys/class/net" / link).glob("upper_*"))


def link_uses(
    link: str, interfaces: Iterable[Object], environment: Mapping[str, str], root: Path = ROOT
) -> Iterator[str]:
    """What a link is used for; `interfaces` as in `_node_network`. SSH tells by which address Ansible has come."""
    own = (environment.get("SSH_CONNECTION", "").split() + [""] * 4)[2]
    for one in interfaces:
        addresses = [address.partition("/")[0] for address in one["addresses"]]
        if own in addresses and link in below(one["name"], root):
            yield f"Ansible reaches this node through {link}"
            return
        if one["name"] == link and addresses:
            yield f"{link} has the address {addresses[0]}"
    for upper in above(link, root):
        yield f"{link} is part of {upper}"


def uses(device: Object, interfaces: list[Object], environment: Mapping[str, str], root: Path = ROOT) -> list[str]:
    """All that the kernel uses a device for."""
    functions = read_text(root / DEVICES / device["address"] / "sriov_numvfs").strip()
    found = [f"it has virtual functions ({functions})"] if functions not in {"", "0"} else []
    found += [use for kernel in device["disks"] for use in disk_uses(kernel, root)]
    return found + [use for link in device["links"] for use in link_uses(link, interfaces, environment, root)]
