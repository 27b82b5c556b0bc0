# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making, starting and stopping OSDs: on logical volumes, or on a device itself.

Private to the collection.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _block_device, _bluestore, _lvm
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_daemon as daemon
from ansible_collections.cairn.hci.plugins.module_utils._config_file import write
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

OSDS = Path("/var/lib/ceph/osd")
# What ceph-volume enables, so that an OSD on LVM starts with its node.
WANTED = Path("/etc/systemd/system/multi-user.target.wants")
# Raw devices belong to root after a restart; those below LVM are handed to Ceph by its own udev rules.
DROP_IN = Path("/etc/systemd/system/ceph-osd@.service.d/cairn-raw.conf")
DROP_IN_TEXT = """\
# Written by cairn.hci: without LVM nothing gives the device to Ceph when the node starts.
[Service]
ExecStartPre=+/usr/bin/chown ceph:ceph /var/lib/ceph/osd/ceph-%i/block
"""


@dataclass(frozen=True)
class Slot:
    """A place for an OSD that is to be made: its volumes, as group/name, and its uuid, which is in their names."""

    uuid: str
    data: str
    db: str | None = None
    ident: int | None = None


def options(wanted: Object, ident: int | None) -> list[str]:
    """What both ways of making an OSD take; `ident` is the id of a destroyed one that it takes."""
    found = ["--bluestore"]
    found += ["--crush-device-class", wanted["class"]] if wanted["class"] else []
    return found + (["--osd-id", str(ident)] if ident is not None else [])


def make(slot: Slot, wanted: Object, seconds: float) -> None:
    """Make an OSD on volumes that are there, and start it."""
    command = ["ceph-volume", "lvm", "create", *options(wanted, slot.ident), "--data", slot.data]
    command += ["--osd-fsid", slot.uuid, *(["--block.db", slot.db] if slot.db else [])]
    command += ["--dmcrypt"] if wanted.get("encrypted") else []
    daemon.run(*command, seconds=seconds)


def make_raw(device: Object, wanted: Object, ident: int | None, seconds: float) -> None:
    """Make an OSD on a device itself, and start it."""
    path = device["path"]
    daemon.run("ceph-volume", "raw", "prepare", "--no-tmpfs", *options(wanted, ident), "--data", path, seconds=seconds)
    label = _bluestore.read(path)
    if label is None:
        raise ResourceError(f"{path}: 'ceph-volume raw prepare' made no OSD; see /var/log/ceph/ceph-volume.log.")
    start_raw(device, label["id"])


def volume_unit(ident: int, uuid: str) -> str:
    """The unit that ceph-volume enables for an OSD on LVM."""
    return f"ceph-volume@lvm-{ident}-{uuid}"


def enabled(ident: int, uuid: str, lvm: bool) -> bool:
    """Whether an OSD starts with its node."""
    return bool(daemon.unit(volume_unit(ident, uuid) if lvm else f"ceph-osd@{ident}")["enabled"])


def start_volume(ident: int, uuid: str) -> None:
    """Start an OSD on LVM, now and at boot. Its own unit must not be enabled: it would start too early."""
    # It may have failed too often to be started again. systemd refuses this for a unit that it has not loaded.
    with contextlib.suppress(ResourceError):
        daemon.run("systemctl", "reset-failed", f"ceph-osd@{ident}")
    daemon.run("ceph-volume", "lvm", "activate", str(ident), uuid, seconds=300)


def start_raw(device: Object, ident: int) -> None:
    """Start an OSD without LVM, now and whenever the node starts."""
    link = OSDS / f"ceph-{ident}" / "block"
    link.unlink(missing_ok=True)
    # A name that stays when other disks come and go.
    link.symlink_to(device["path"] if "/disk/by-" in device["path"] else device["aliases"][0])
    if not DROP_IN.exists():
        write({"path": str(DROP_IN), "mode": "0644", "owner": "root", "group": "root"}, DROP_IN_TEXT)
        daemon.run("systemctl", "daemon-reload")
    daemon.start(f"ceph-osd@{ident}")


def prime(path: str, ident: int) -> None:
    """Write the directory of an OSD anew from its label, as `ceph-volume raw activate` does."""
    directory = OSDS / f"ceph-{ident}"
    if daemon.unit(f"ceph-osd@{ident}")["running"]:
        return
    directory.mkdir(mode=0o755, exist_ok=True)
    (directory / "block").unlink(missing_ok=True)
    command = ["ceph-bluestore-tool", "prime-osd-dir", "--path", str(directory), "--no-mon-config", "--dev", path]
    daemon.run(*command)
    for entry in (directory, *directory.iterdir()):
        shutil.chown(entry, "ceph", "ceph")


def mounted(directory: Path) -> bool:
    """Whether something is mounted on a directory; os.path.ismount() is wrong on an overlay."""
    text = Path("/proc/self/mounts").read_text(encoding="utf-8")
    return any(line.split()[1] == str(directory) for line in text.splitlines())


def units(ident: int) -> list[str]:
    """The units of an OSD that start it with its node; an id that was used before may have several."""
    found = [path.name for path in WANTED.glob(f"ceph-volume@lvm-{ident}-*.service")]
    return [*sorted(found), *([f"ceph-osd@{ident}.service"] if daemon.unit(f"ceph-osd@{ident}")["enabled"] else [])]


def stop(ident: int) -> None:
    """Stop an OSD, now and for good, and remove its directory."""
    daemon.stop(f"ceph-osd@{ident}")
    for unit in units(ident):
        daemon.run("systemctl", "disable", unit)
    clear(ident)


def clear(ident: int) -> None:
    """Remove the directory of an OSD that does not run."""
    directory = OSDS / f"ceph-{ident}"
    while mounted(directory):
        daemon.run("umount", str(directory))
    if directory.exists():
        shutil.rmtree(directory)


def empty(device: Object) -> None:
    """Make a device empty, with all volumes on it."""
    lvm = device["lvm"]
    if lvm:
        for volume in lvm["volumes"]:
            _lvm.remove_volume(volume)
        if lvm["group"]:
            _lvm.remove_group(lvm["group"], f"/dev/{device['kernel']}")
    _block_device.erase(device)
