# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fast devices that hold the databases (block.db) of a node's OSDs, and what each OSD gets of them. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.cairn.hci.plugins.module_utils import _ceph_devices as devices
from ansible_collections.cairn.hci.plugins.module_utils._lvm import GROUP
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size

VARIABLE = "ceph_osd_db_devices"
# LVM's own unit, and what its metadata takes of a device.
EXTENT = 4 << 20


def verdict(device: Object, fsid: str | None, wipe: list[str]) -> str:
    """KEEP what holds databases of this cluster, ENROL what is empty, ERASE what was given away.

    Raise ResourceError for any other.
    """
    lvm = device["lvm"]
    if lvm and (lvm["group"] or "").startswith(GROUP) and all(ours(volume, fsid) for volume in lvm["volumes"]):
        return devices.KEEP
    own = devices.finished(device, fsid, None)
    if own:
        raise ResourceError(
            f"{device['path']} is itself the disk of osd.{own[0]['id']}; take it out of {VARIABLE}, or remove that OSD "
            f"with playbooks/remove_osd.yml -e osd={own[0]['id']} -e wipe=true."
        )
    return devices.claim(device, fsid, wipe, VARIABLE)


def ours(volume: Object, fsid: str | None) -> bool:
    """Whether a volume is a database of this cluster, or was made to be one."""
    tags = volume["tags"]
    if "ceph.osd_id" in tags:
        return bool(tags.get("ceph.type") == "db" and tags.get("ceph.cluster_fsid") == fsid)
    return devices.debris(volume)


def capacity(device: Object, osds: dict[str, Object] | None, gone: Iterable[int] = ()) -> tuple[int, int]:
    """The size of a device and what is free of it once the OSDs in `gone` are, in bytes."""
    if device["lvm"] and (device["lvm"]["group"] or "").startswith(GROUP):
        return device["lvm"]["size"], devices.room(device, osds, gone)
    size = (device["size"] - EXTENT) // EXTENT * EXTENT
    return size, size


def allocate(capacities: dict[str, tuple[int, int]], slots: int, new: int, wanted: int | None) -> list[tuple[str, int]]:
    """The device and the size in bytes for each of `new` databases; `capacities` are size and room of each device.

    `slots` is how many databases the devices are for in all, which get equal shares unless a size is `wanted`. Raise
    ResourceError when there is not room for all.
    """
    each = -(-slots // len(capacities)) if capacities else 1
    free = {path: left for path, (_size, left) in capacities.items()}
    chosen = []
    for _index in range(new):
        path = max(free, key=lambda name: free[name])
        size = (wanted or capacities[path][0] // each) // EXTENT * EXTENT
        if size < EXTENT or free[path] < size:
            raise ResourceError(
                f"{VARIABLE} ({', '.join(free)}) have {format_size(free[path])} free in one piece, and each of {new} "
                f"new OSDs needs {format_size(size)} for its db; add a device, or set a smaller ceph_osd_db_size."
            )
        free[path] -= size
        chosen.append((path, size))
    return chosen
