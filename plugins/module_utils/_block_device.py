# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Block devices of a node: which ones a pattern means, and what is on them.

Private to the collection.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import os
import re
import stat
from fnmatch import fnmatch
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _bluestore, _lvm, _lvm_metadata
from ansible_collections.cairn.hci.plugins.module_utils._ceph_daemon import run
from ansible_collections.cairn.hci.plugins.module_utils._resource import NotInstalled, Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size

MAGIC = re.compile(r"[*?[]")
VIRTUAL = re.compile(r"(loop|ram|zram|sr|fd|dm-|md|nbd|rbd)\d*")
BLKRRPART = 0x125F
# Where bluestore keeps copies of its label on large devices (from Ceph 19 on).
LABELS = (0, 1 << 30, 10 << 30, 100 << 30, 1000 << 30)
ERASE = 10 << 20


def kernel_name(path: str) -> str | None:
    """The kernel's name of the block device at `path`, through links; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISBLK(status.st_mode):
        return None
    number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return os.path.basename(os.path.realpath(f"/sys/dev/block/{number}"))


def names(patterns: list[str], variable: str = "ceph_osd_devices") -> dict[str, str]:
    """The devices that the patterns mean: kernel name -> the first name that matched.

    A pattern that begins with `!` takes away what it matches. A pattern means whole disks only, and one directly in
    /dev none that are virtual; a partition or a virtual device is used when it is named in full. Raise ResourceError
    for a full name that is no block device; `variable` is where it was given.
    """
    found: dict[str, str] = {}
    for pattern in (one for one in patterns if not one.startswith("!")):
        exact = not MAGIC.search(pattern)
        for path in [pattern] if exact else sorted(glob.glob(pattern)):
            kernel = kernel_name(path)
            if kernel is None and exact:
                raise ResourceError(f"{path} is no block device of this node: correct {variable}.")
            if kernel and (exact or whole(kernel, os.path.dirname(pattern))):
                found.setdefault(kernel, path)
    without = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    return {
        kernel: path
        for kernel, path in found.items()
        if not any(fnmatch(one, pattern) for one in (path, *aliases(kernel)) for pattern in without)
    }


def disks() -> list[str]:
    """All disks and partitions of the node that can hold an OSD, by the kernel's names."""
    found = sorted(entry.name for entry in Path("/sys/class/block").glob("*"))
    other = re.compile(r"(ram|zram|sr|fd|dm-|nbd|rbd)\d+.*")
    return [f"/dev/{name}" for name in found if not other.fullmatch(name) and os.path.exists(f"/dev/{name}")]


def whole(kernel: str, directory: str) -> bool:
    """Whether a device is a whole disk, such as a pattern means."""
    if os.path.exists(f"/sys/class/block/{kernel}/partition"):
        return False
    return directory != "/dev" or VIRTUAL.fullmatch(kernel) is None


def aliases(kernel: str) -> list[str]:
    """All names of a device, the ones that stay the same when disks are added first."""
    links = [path for path in sorted(glob.glob("/dev/disk/by-*/*")) if kernel_name(path) == kernel]
    order = ("/dev/disk/by-id/", "/dev/disk/by-path/")
    links.sort(key=lambda path: next((n for n, start in enumerate(order) if path.startswith(start)), len(order)))
    return [*links, f"/dev/{kernel}"]


def mounts(numbers: set[str]) -> list[str]:
    """Where the devices with these numbers (major:minor) are mounted."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return [fields[4] for fields in map(str.split, text.splitlines()) if fields[2] in numbers]


def read(entry: Path, name: str) -> str:
    """An attribute of a device in sysfs; empty where it has none."""
    try:
        return (entry / name).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def busy(path: str) -> bool:
    """Whether the kernel holds the device: mounted in any namespace, swap, RAID or device-mapper."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_EXCL))
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def signatures(path: str) -> list[str]:
    """Partition tables, filesystems and other contents that libblkid knows; a disk that fails may hold anything."""
    try:
        found = json.loads(run("wipefs", "--no-act", "--json", path) or "{}")
    except NotInstalled:
        raise
    except ResourceError:
        return ["unreadable"]
    return sorted({entry["type"] for entry in found.get("signatures", [])})


def inspect(path: str) -> Object:
    """What a device is and what is on it. `label` is that of an OSD on the device itself.

    `lvm` is what :func:`_lvm_metadata.parse` says, None without LVM; its volumes with their labels.
    """
    kernel = kernel_name(path)
    entry = Path(f"/sys/class/block/{kernel}")
    partitions = sorted(child.name for child in entry.glob(f"{kernel}*") if (child / "partition").exists())
    holders = sorted(child.name for child in entry.glob("holders/*"))
    numbers = {read(one, "dev") for one in (entry, *(entry / part for part in partitions))}
    label = _bluestore.read(path)
    lvm = volumes(path)
    disk = entry.resolve().parent if (entry / "partition").exists() else entry
    used = bool(label or lvm or partitions or holders)
    return {
        "path": path,
        "kernel": kernel,
        "aliases": aliases(str(kernel)),
        "size": int(read(entry, "size") or 0) * 512,
        "type": kind(str(kernel), read(disk, "queue/rotational") == "1"),
        "partitions": partitions,
        "holders": holders,
        "mounts": mounts(numbers - {""}),
        "busy": busy(path),
        "label": label,
        "lvm": lvm,
        "signatures": [] if used else signatures(path),
    }


def volumes(path: str) -> Object | None:
    """What LVM has on a device, and what is on its volumes; None without LVM."""
    lvm = _lvm_metadata.read(path)
    if lvm is None:
        return None
    kernels = _lvm.active()
    return lvm | {"volumes": [_lvm.looked_into(volume, kernels, busy) for volume in lvm["volumes"]]}


def kind(kernel: str, rotational: bool) -> str:
    """How fast a disk is: nvme, ssd or hdd."""
    if kernel.startswith("nvme"):
        return "nvme"
    return "hdd" if rotational else "ssd"


def fits(device: Object, wanted: Object) -> bool:
    """Whether a device is one that a filter means: type, size_min, size_max."""
    low, high = wanted.get("size_min"), wanted.get("size_max")
    return not (
        (wanted.get("type") and device["type"] != wanted["type"])
        or (low and device["size"] < parse_size(low, "size_min"))
        or (high and device["size"] > parse_size(high, "size_max"))
    )


def erase(device: Object) -> None:
    """Make a device empty: signatures of its partitions and its own, labels, partition table."""
    kernel, path = device["kernel"], device["path"]
    run("wipefs", "--all", "--force", *[f"/dev/{part}" for part in device["partitions"]], path)
    with open(path, "r+b", buffering=0) as file:
        for offset in LABELS:
            if offset < device["size"]:
                file.seek(offset)
                file.write(bytes(min(ERASE, device["size"] - offset)))
        os.fsync(file.fileno())
        if device["partitions"]:
            try:
                fcntl.ioctl(file, BLKRRPART)
            except OSError as error:
                raise ResourceError(
                    f"{path} is erased, but the kernel still holds its old partitions ({kernel}): restart the node."
                ) from error
