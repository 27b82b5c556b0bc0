# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The logical volumes of OSDs that are to be made, on data devices and on those of the databases.

Private to the collection.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable

from ansible_collections.cairn.hci.plugins.module_utils import _block_device, _ceph_db, _lvm
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_devices as devices
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_osd_make as make
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size


def missing(device: Object, wanted: Object, fsid: str | None, osds: dict[str, Object] | None) -> int:
    """How many OSDs are still to be made on a device."""
    kept = devices.finished(device, fsid, osds)
    return max(0, (wanted.get("per_device") or max(1, len(kept))) - len(kept))


def with_databases(found: Iterable[Object], fsid: str | None, gone: Collection[int]) -> int:
    """How many OSDs on some devices have a database elsewhere, be that one lost, besides those in `gone`."""
    osds = [osd for device in found for osd in devices.finished(device, fsid, None)]
    return len({osd["osd_uuid"] for osd in osds if osd["db"] and osd["id"] not in gone})


def databases(
    items: list[Object],
    found: dict[str, Object],
    fsid: str | None,
    osds: dict[str, Object] | None,
    ids: Collection[int] = (),
) -> dict[str, list[tuple[str, int]]]:
    """Device and size of the database of each new OSD, by data device. Those of `ids` are made anew.

    The task that replaces a disk names that one only, so those of the other OSDs count, too. Raise ResourceError when
    there is not room for all, or a device is not to be had.
    """
    chosen: dict[str, list[tuple[str, int]]] = {}
    for paths in {tuple(item.get("db_devices") or ()) for item in items}:
        group = [item for item in items if tuple(item.get("db_devices") or ()) == paths]
        if not paths:
            continue
        for path in paths:
            _ceph_db.verdict(found[path], fsid, group[0].get("wipe") or [])
        new = {item["device"]: missing(found[item["device"]], item, fsid, osds) for item in group}
        others = (_block_device.inspect(path) for path in _block_device.disks()) if ids else ()
        slots = max(sum(item.get("per_device") or 1 for item in group), with_databases(others, fsid, ids) + len(ids))
        size = parse_size(group[0]["db_size"], "ceph_osd_db_size") if group[0].get("db_size") else None
        capacities = {path: _ceph_db.capacity(found[path], osds, ids) for path in paths}
        places = _ceph_db.allocate(capacities, slots, sum(new.values()), size)
        for device, count in new.items():
            chosen[device], places = places[:count], places[count:]
    return chosen


def clean(device: Object, osds: dict[str, Object] | None) -> None:
    """Remove what an interrupted run has left on a device, and the group when nothing else is in it."""
    left = devices.leftovers(device, osds)
    for volume in left:
        _lvm.remove_volume(volume)
    if device["lvm"]["group"] and len(left) == len(device["lvm"]["volumes"]):
        _lvm.remove_group(device["lvm"]["group"], f"/dev/{device['kernel']}")


def group_of(device: Object) -> Object:
    """What LVM has on a device, which gets a volume group if it has none."""
    if not device["lvm"]:
        _lvm.create_group(f"/dev/{device['kernel']}")
        device = _block_device.inspect(device["path"])
    lvm: Object = device["lvm"]
    return lvm


def open_database(device: Object, wipe: list[str], fsid: str | None) -> Object:
    """Make a device of databases ready to take some."""
    if _ceph_db.verdict(device, fsid, wipe) == devices.ERASE:
        make.empty(device)
        device = _block_device.inspect(device["path"])
    return group_of(device)


def volumes(device: Object, wanted: Object, places: list[tuple[Object, str, int]], ids: list[int]) -> list[make.Slot]:
    """Make the volumes of the OSDs that a device still lacks. `places` has group, path and size of each database."""
    lvm = group_of(device)
    parts = wanted.get("per_device") or 1
    count = parts - len([volume for volume in lvm["volumes"] if volume["name"].startswith(_lvm.BLOCK)])
    slots = []
    for index in range(count):
        osd, db = str(uuid.uuid4()), None
        extents = devices.share({"lvm": lvm}, parts) // lvm["extent"]
        data = _lvm.create_volume(lvm["group"], f"{_lvm.BLOCK}{osd}", extents, f"/dev/{device['kernel']}")
        if places:
            group, path, size = places[index]
            db = _lvm.create_volume(group["group"], f"{_lvm.DB}{osd}", size // group["extent"], path)
        slots.append(make.Slot(osd, data, db, ids[index] if index < len(ids) else None))
    return slots
