# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices become OSDs, which are kept, and which are refused. Pure.

Private to the collection.
"""

from __future__ import annotations

from fnmatch import fnmatch

from ansible_collections.cairn.hci.plugins.module_utils._block_device import fits
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

KEEP, ENROL, ERASE, FINISH = "keep", "enrol", "erase", "finish"
CONSENT = "name it in ceph_osd_wipe if that may be lost"


def consented(device: Object, patterns: list[str]) -> bool:
    """Whether one of the device's names is among the patterns of ceph_osd_wipe."""
    names = {device["path"], *device["aliases"]}
    return any(fnmatch(name, pattern) for name in names for pattern in patterns)


def contents(device: Object, fsid: str | None) -> str | None:
    """What would be lost with a device; None when it is empty."""
    label = device["label"]
    if label and fsid is not None and label["ceph_fsid"] == fsid:
        return f"holds osd.{label['id']} ({label['osd_uuid']}), which this cluster does not know any more"
    if label and label["ready"]:
        return f"holds osd.{label['id']} of another Ceph cluster ({label['ceph_fsid']})"
    if label:
        return "holds an OSD that was never finished"
    if device["partitions"]:
        return f"has partitions ({', '.join(device['partitions'])})"
    if device["signatures"]:
        return f"is not empty ({', '.join(device['signatures'])})"
    return None


def verdict(device: Object, fsid: str | None, osds: dict[str, Object] | None, wipe: list[str]) -> str:
    """Return what becomes of a device.

    `osds` are those of the osdmap by uuid, None when the cluster can't be asked (check mode before it exists). Raise
    ResourceError for a device that is in use or holds something that nobody gave away.
    """
    # A storage VM has it, and looks at it there.
    if device.get("kept"):
        return KEEP
    label = device["label"]
    if label and fsid is not None and label["ceph_fsid"] == fsid and (osds is None or label["osd_uuid"] in osds):
        return KEEP
    if label and osds and label["osd_uuid"] in osds and not osds[label["osd_uuid"]]["booted"]:
        return FINISH
    path = device["path"]
    if device["mounts"]:
        raise ResourceError(
            f"{path} is mounted on {', '.join(device['mounts'])}; unmount it, or take it out of ceph_osd_devices."
        )
    if device["holders"] or device["busy"]:
        by = f" by {', '.join(device['holders'])}" if device["holders"] else ""
        remedy = f" (an old OSD on LVM: 'ceph-volume lvm zap --destroy {path}')" if device["lvm"] else ""
        raise ResourceError(f"{path} is in use{by}; undo that{remedy}, or take it out of ceph_osd_devices.")
    lost = contents(device, fsid)
    if lost is None:
        return ENROL
    if not consented(device, wipe):
        raise ResourceError(f"{path} {lost}; {CONSENT}.")
    return ERASE


def select(devices: list[Object], wanted: Object | None, fsid: str | None, wipe: list[str]) -> list[Object]:
    """The devices that a filter means: those that are OSDs of the cluster already, then free ones by name.

    Without a filter all of them. Raise ResourceError when there are fewer than `count`.
    """
    if not wanted:
        return devices
    usable = []
    for device in devices:
        try:
            choice = verdict(device, fsid, None, wipe) if fits(device, wanted) else None
        except ResourceError:
            continue
        if choice:
            usable.append((choice != KEEP, device["path"], device))
    chosen = [device for *_order, device in sorted(usable, key=lambda entry: entry[:2])]
    count = wanted.get("count")
    if count is not None and len(chosen) < count:
        raise ResourceError(
            f"ceph_osd_filter asks for {count} devices, this node has {len(chosen)} that fit and are free "
            f"({', '.join(device['path'] for device in chosen) or 'none'})."
        )
    return chosen[:count]
