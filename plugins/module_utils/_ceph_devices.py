# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices become OSDs, which are kept, and which are refused. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch

from ansible_collections.cairn.hci.plugins.module_utils._block_device import fits
from ansible_collections.cairn.hci.plugins.module_utils._lvm import BLOCK, DB, GROUP
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

KEEP, ENROL, ERASE, FINISH = "keep", "enrol", "erase", "finish"
CONSENT = "name it in ceph_osd_wipe if that may be lost"


def consented(device: Object, patterns: list[str]) -> bool:
    """Whether one of the device's names is among the patterns of ceph_osd_wipe."""
    names = {device["path"], *device["aliases"]}
    return any(fnmatch(name, pattern) for name in names for pattern in patterns)


def osds_on(device: Object) -> list[Object]:
    """The OSDs on a device, each with `encrypted`, whether it has a `db`, and its `volume` (None without LVM).

    What is on an encrypted volume can't be read, so LVM's tags come first. `ready` is None where nothing tells.
    """
    own = {"encrypted": False, "db": False, "volume": None}
    found = [device["label"] | own] if device["label"] else []
    for volume in (device["lvm"] or {}).get("volumes", []):
        tags, label = volume["tags"], volume["label"]
        if tags.get("ceph.type") == "block" and "ceph.osd_id" in tags:
            osd = {
                "osd_uuid": tags.get("ceph.osd_fsid"),
                "ceph_fsid": tags.get("ceph.cluster_fsid"),
                "id": int(tags["ceph.osd_id"]) if tags["ceph.osd_id"].isdigit() else None,
                "ready": label["ready"] if label else None,
            }
            kind = {"encrypted": tags.get("ceph.encrypted") == "1", "db": bool(tags.get("ceph.db_uuid"))}
            found.append(osd | kind | {"volume": volume})
        elif label and label["main"] and "ceph.type" not in tags:
            found.append(label | own | {"volume": volume})
    return found


def interrupted(osd: Object, osds: dict[str, Object] | None) -> bool:
    """Whether the making of an OSD was cut short: the cluster has never seen it up, nor is its label whole."""
    known = (osds or {}).get(osd["osd_uuid"])
    return bool(known and not known["booted"] and not osd["ready"])


def finished(device: Object, fsid: str | None, osds: dict[str, Object] | None) -> list[Object]:
    """The OSDs of a device that the cluster knows."""
    return [
        osd
        for osd in osds_on(device)
        if fsid is not None and osd["ceph_fsid"] == fsid
        if osds is None or (osd["osd_uuid"] in osds and not interrupted(osd, osds))
    ]


def debris(volume: Object) -> bool:
    """Whether a volume was made for an OSD and is still empty: ceph-volume writes its tags before the data."""
    made = volume["group"].startswith(GROUP) and volume["name"].startswith((BLOCK, DB))
    return made and "ceph.osd_id" not in volume["tags"] and not (volume["label"] or {}).get("ready")


def begun(device: Object, osds: dict[str, Object] | None) -> list[Object]:
    """The OSDs in the osdmap whose making was cut short on this device."""
    uuids = [osd["osd_uuid"] for osd in osds_on(device) if interrupted(osd, osds)]
    there = (device["lvm"] or {}).get("volumes", [])
    uuids += [volume["name"].removeprefix(BLOCK) for volume in there if debris(volume)]
    return [known for uuid in uuids if (known := (osds or {}).get(uuid)) and not known["booted"]]


def leftovers(device: Object, osds: dict[str, Object] | None) -> list[Object]:
    """The volumes of a device that an interrupted run has left."""
    cut = [osd["volume"]["name"] for osd in osds_on(device) if osd["volume"] and interrupted(osd, osds)]
    return [
        volume
        for volume in (device["lvm"] or {}).get("volumes", [])
        if debris(volume) or volume["name"] in cut or _db_of_interrupted(volume, osds)
    ]


def _db_of_interrupted(volume: Object, osds: dict[str, Object] | None) -> bool:
    tags = volume["tags"]
    known = (osds or {}).get(tags.get("ceph.osd_fsid", ""))
    return bool(tags.get("ceph.type") == "db" and known and known.get("cut"))


def mark(found: Iterable[Object], osds: dict[str, Object]) -> None:
    """Note (`cut`) in the OSDs of the osdmap whose making was cut short: only their data tells, not their databases."""
    for device in found:
        for osd in osds_on(device):
            if interrupted(osd, osds):
                osds[osd["osd_uuid"]]["cut"] = True


def unfinished(device: Object, osds: dict[str, Object] | None) -> bool:
    """Whether a device has only what an interrupted run has left."""
    if device["lvm"]:
        left = leftovers(device, osds)
        return (device["lvm"]["group"] or "").startswith(GROUP) and len(left) == len(device["lvm"]["volumes"])
    return bool(device["label"]) and interrupted(device["label"], osds)


def contents(device: Object, fsid: str | None) -> str | None:
    """What would be lost with a device; None when it is empty."""
    osd = next(iter(osds_on(device)), None)
    if osd:
        return _foreign(osd, fsid)
    if device["lvm"]:
        names = [volume["name"] for volume in device["lvm"]["volumes"]]
        return f"has logical volumes ({', '.join(names)})" if names else "is a physical volume of LVM"
    if device["partitions"]:
        return f"has partitions ({', '.join(device['partitions'])})"
    if device["signatures"]:
        return f"is not empty ({', '.join(device['signatures'])})"
    return None


def _foreign(osd: Object, fsid: str | None) -> str:
    """Whose an OSD is that is none of this cluster."""
    if fsid is not None and osd["ceph_fsid"] == fsid:
        return f"holds osd.{osd['id']} ({osd['osd_uuid']}), which this cluster does not know any more"
    if osd["ready"] is False:
        return "holds an OSD that was never finished"
    return f"holds osd.{osd['id']} of another Ceph cluster ({osd['ceph_fsid']})"


def check_use(device: Object, variable: str) -> None:
    """Raise ResourceError for a device that is mounted or in use: consent does not help."""
    path = device["path"]
    if device["mounts"]:
        raise ResourceError(
            f"{path} is mounted on {', '.join(device['mounts'])}; unmount it, or take it out of {variable}."
        )
    if device["lvm"]:
        # The device itself counts as in use as soon as one of its volumes is active.
        by = [volume["name"] for volume in device["lvm"]["volumes"] if volume["busy"]]
        used = bool(by)
    else:
        by, used = device["holders"], bool(device["holders"] or device["busy"])
    if used:
        who = f" by {', '.join(by)}" if by else ""
        raise ResourceError(f"{path} is in use{who}; undo that, or take it out of {variable}.")


def claim(device: Object, fsid: str | None, wipe: list[str], variable: str) -> str:
    """ENROL for an empty device, ERASE for one that was given away. Raise ResourceError for any other."""
    check_use(device, variable)
    lost = contents(device, fsid)
    if lost is None:
        return ENROL
    if not consented(device, wipe):
        raise ResourceError(f"{device['path']} {lost}; {CONSENT}.")
    if device["lvm"] and device["lvm"]["devices"] > 1:
        raise ResourceError(
            f"{device['path']} shares the volume group {device['lvm']['group']} with other devices; "
            f"take it out of that group with pvmove and vgreduce, or out of {variable}."
        )
    return ERASE


def verdict(
    device: Object, fsid: str | None, osds: dict[str, Object] | None, wipe: list[str], layout: Object | None = None
) -> str:
    """Return what becomes of a device.

    `osds` are those of the osdmap by uuid, None when the cluster can't be asked (check mode before it exists). `layout`
    is how the OSDs shall be: `encrypted`, `db`, `per_device`, each None for as they are. Raise ResourceError for a
    device that is in use, holds something that nobody gave away, or has OSDs of another layout.
    """
    # A storage VM has it, and looks at it there.
    if device.get("kept"):
        return KEEP
    kept = finished(device, fsid, osds)
    if kept:
        return judge(device, kept, osds, layout or {})
    if unfinished(device, osds):
        return FINISH
    return claim(device, fsid, wipe, "ceph_osd_devices")


def judge(device: Object, kept: list[Object], osds: dict[str, Object] | None, layout: Object) -> str:
    """KEEP a device with OSDs, or FINISH it where some are still to be made. Raise ResourceError for another layout."""
    path, ids = device["path"], ",".join(str(osd["id"]) for osd in kept)
    anew = f"make it anew with playbooks/replace_disk.yml -e osd={ids} -e device={path} -e wipe=true"
    for osd in kept:
        if layout.get("encrypted") not in (None, osd["encrypted"]):
            now = str(osd["encrypted"]).lower()
            raise ResourceError(
                f"{path}: osd.{osd['id']} is {'' if osd['encrypted'] else 'not '}encrypted, which can't be changed in "
                f"place; {anew}, or set ceph_osd_encrypted: {now}."
            )
        if layout.get("db") not in (None, osd["db"]):
            state = "has its db on another device" if osd["db"] else "has no db device"
            raise ResourceError(
                f"{path}: osd.{osd['id']} {state}, which can't be changed in place; {anew}, or correct "
                "ceph_osd_db_devices."
            )
    wanted = layout.get("per_device") or len(kept)
    if len(kept) == wanted:
        return KEEP
    if len(kept) < wanted and device["lvm"] and room(device, osds) >= (wanted - len(kept)) * share(device, wanted):
        return FINISH
    raise ResourceError(
        f"{path} has {len(kept)} OSD{'s' if len(kept) > 1 else ''} (osd.{ids}), ceph_osds_per_device says {wanted}; "
        f"make room with playbooks/remove_osd.yml -e osd={ids} -e wipe=true and run site.yml again, or set "
        f"ceph_osds_per_device: {len(kept)}."
    )


def room(device: Object, osds: dict[str, Object] | None, gone: Iterable[int] = ()) -> int:
    """What is left of a device with LVM once the leftovers and the OSDs in `gone` are removed, in bytes."""
    names = {str(ident) for ident in gone}
    old = [volume for volume in device["lvm"]["volumes"] if volume["tags"].get("ceph.osd_id") in names]
    free = {volume["name"]: volume["size"] for volume in [*leftovers(device, osds), *old]}
    return int(device["lvm"]["free"] + sum(free.values()))


def share(device: Object, parts: int) -> int:
    """The size of each of equal parts of a device with LVM, in whole extents."""
    extent = device["lvm"]["extent"]
    return int(device["lvm"]["size"] // extent // parts * extent)


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
