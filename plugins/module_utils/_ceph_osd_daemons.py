# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node has of an OSD: its daemon, its directory and its volumes, be its disk there or not.

Private to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.cairn.hci.plugins.module_utils import _block_device, _lvm, _lvm_metadata
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_daemon as daemon
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_node as node
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_osd_make as make
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource
from ansible_collections.cairn.hci.plugins.module_utils._ceph_osds import osdmap, own_fsid
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError, remove

UNIT = re.compile(r"ceph-volume@lvm-(\d+)-([0-9a-f-]{36})\.service")
DIRECTORY = re.compile(r"ceph-(\d+)")
# Which volumes each value of the option wipe means.
WIPED: dict[str, tuple[str, ...]] = {"nothing": (), "db": ("db",), "all": ("db", "block")}


def pieces(fsid: str | None) -> list[Object]:
    """Each part of an OSD of the cluster on the node: `id`, `uuid`, `disk`, `kind`, `volume` (None without LVM)."""
    found = []
    for osd in node.labels():
        if osd["ceph_fsid"] == fsid and _lvm_metadata.read(osd["device"]) is None:
            raw = {"id": osd["id"], "uuid": osd["osd_uuid"], "disk": osd["device"]}
            found.append(raw | {"kind": "block", "volume": None, "encrypted": False})
    for path in _block_device.disks():
        for volume in (_lvm_metadata.read(path) or {}).get("volumes", []):
            tags = volume["tags"]
            if tags.get("ceph.cluster_fsid") == fsid and tags.get("ceph.osd_id", "").isdigit():
                osd = {"id": int(tags["ceph.osd_id"]), "uuid": tags.get("ceph.osd_fsid"), "disk": path}
                kind = {"kind": tags.get("ceph.type"), "encrypted": tags.get("ceph.encrypted") == "1"}
                found.append(osd | kind | {"volume": volume})
    return found


def traces() -> dict[int, set[str]]:
    """The ids that units and directories of this node name, with the uuids in the names of the units."""
    found: dict[int, set[str]] = {}
    for path in make.WANTED.glob("ceph-volume@lvm-*"):
        if match := UNIT.fullmatch(path.name):
            found.setdefault(int(match[1]), set()).add(match[2])
    for path in make.OSDS.glob("ceph-*"):
        if match := DIRECTORY.fullmatch(path.name):
            found.setdefault(int(match[1]), set())
    return found


def to_dict(ident: int, uuids: Iterable[str], parts: list[Object], unit: Object, enabled: bool) -> Object:
    """What the node has of an OSD; `data` and `db` are the disks with its volumes."""
    own = [part for part in parts if part["id"] == ident]
    return {
        "id": ident,
        "uuids": sorted({*uuids, *(part["uuid"] for part in own if part["uuid"])}),
        "running": unit["running"],
        "enabled": enabled,
        "directory": (make.OSDS / f"ceph-{ident}").exists(),
        "data": sorted({part["disk"] for part in own if part["kind"] == "block"}),
        "db": sorted({part["disk"] for part in own if part["kind"] == "db"}),
        "encrypted": any(part["encrypted"] for part in own),
    }


class CephOsdDaemon(CephResource):
    """One object is one OSD, by its id."""

    plural = "daemons"
    key = "id"

    def __init__(self, params: Object) -> None:
        """Keep the parameters."""
        super().__init__(params)
        self.lock = node.Lock(params["timeout"])
        self.parts: list[Object] = []
        self.known: dict[str, Object] = {}

    def open(self) -> None:
        """Wait for what an earlier run still does here, and connect."""
        self.lock.take()
        super().open()

    def close(self) -> None:
        """Disconnect, and let the next one in."""
        super().close()
        self.lock.release()

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return what there is of the OSDs by id."""
        self.known = osdmap(self.cluster.command({"prefix": "osd dump"}), [])
        self.parts, named = pieces(own_fsid(self.params["conf"])), traces()
        there = {*named, *(part["id"] for part in self.parts)}
        ids = there if wanted is None else there & {int(item["id"]) for item in wanted}
        return {
            str(ident): to_dict(
                ident,
                named.get(ident, ()),
                self.parts,
                daemon.unit(f"ceph-osd@{ident}"),
                bool(make.units(ident)),
            )
            for ident in sorted(ids)
        }

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Stop, or take away what is not wanted any more. Raise ResourceError for an OSD that the cluster still has."""
        if current is None:
            return []
        if wanted["state"] == "present":
            shall = wanted.get("running")
            same = shall is None or shall == current["running"]
            return [] if same else [Change("running", current["running"], shall)]
        ident = current["id"]
        self.check(ident, wanted)
        kinds = WIPED[wanted["wipe"]]
        wiped = ("db" in kinds and current["db"]) or ("block" in kinds and current["data"])
        return remove() if wiped or current["running"] or current["enabled"] or current["directory"] else []

    def check(self, ident: int, wanted: Object) -> None:
        """Raise ResourceError for an OSD that is up, or one whose volumes the cluster still has in its map."""
        known = next((osd for osd in self.known.values() if osd["id"] == ident), None)
        if known and wanted["wipe"] != "nothing":
            raise ResourceError(
                f"osd.{ident} is still in the cluster's map; have it destroyed or purged there first, as "
                "playbooks/remove_osd.yml does."
            )
        if known and known["up"]:
            raise ResourceError(f"osd.{ident} is up; stop it first, with running: false.")

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Carry out the plan; safe to run again."""
        found = current or {}
        ident = found["id"]
        if wanted["state"] == "present":
            daemon.run("systemctl", "start" if wanted["running"] else "stop", f"ceph-osd@{ident}", seconds=300)
            return
        make.stop(ident)
        own = [part for part in self.parts if part["id"] == ident]
        for part in own:
            self.take_away(part, part["kind"] in WIPED[wanted["wipe"]])
        for name in (name for uuid in found["uuids"] for name in _lvm.stale(uuid)):
            _lvm.drop(name)

    def take_away(self, part: Object, wipe: bool) -> None:
        """Remove a part of an OSD, or have the kernel let go of it."""
        if part["volume"] is None:
            if wipe:
                _block_device.erase(_block_device.inspect(part["disk"]))
            return
        if not wipe:
            _lvm.deactivate(part["volume"])
            return
        _lvm.remove_volume(part["volume"])
        left = _lvm_metadata.read(part["disk"])
        if left and not left["volumes"] and left["group"]:
            _lvm.remove_group(left["group"], part["disk"])
