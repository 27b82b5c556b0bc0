# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OSDs of a node.

Private to the collection.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _block_device
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_daemon as daemon
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_devices as devices
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_node as node
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_osd_make as make
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_osd_slots as slots
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource, Cluster
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError

PARALLEL = 4


def osdmap(dump: Object, tree: list[Object]) -> dict[str, Object]:
    """The OSDs that the cluster knows, by uuid. `booted`: whether it has ever been up, as the OSD of this uuid.

    One that was destroyed and is made again with its id is `new`, too. Destroyed ones have no uuid.
    """
    classes = {entry["id"]: entry.get("device_class") or None for entry in tree}
    return {
        osd["uuid"]: {
            "id": osd["osd"],
            "up": bool(osd["up"]),
            "booted": bool(osd["up"] or (osd["up_from"] and "new" not in osd.get("state", []))),
            "class": classes.get(osd["osd"]),
        }
        for osd in dump["osds"]
        if "destroyed" not in osd.get("state", [])
    }


def own_fsid(path: str) -> str | None:
    """The cluster of this node's configuration."""
    conf = Path(path)
    fsid: str | None = node.parse_conf(conf.read_text(encoding="utf-8") if conf.exists() else "")["fsid"]
    return fsid


def layout(wanted: Object) -> Object:
    """How the OSDs of a device shall be; see :func:`_ceph_devices.verdict`."""
    db = wanted.get("db_devices")
    shall = {"encrypted": wanted.get("encrypted"), "per_device": wanted.get("per_device")}
    return shall | {"db": None if db is None else bool(db)}


def to_dict(device: Object, kept: list[Object], osds: dict[str, Object], boot: bool) -> Object | None:
    """The OSDs on a device; None where there is none that the cluster knows."""
    if not kept:
        return None
    found = [osds[osd["osd_uuid"]] for osd in kept]
    classes = sorted({str(osd["class"]) for osd in found if osd["class"]})
    return {
        "device": device["path"],
        "ids": [osd["id"] for osd in found],
        "uuids": [osd["osd_uuid"] for osd in kept],
        "class": ",".join(classes) or None,
        "up": all(osd["up"] for osd in found),
        "enabled": boot,
        "lvm": all(osd["volume"] is not None for osd in kept),
        "encrypted": any(osd["encrypted"] for osd in kept),
        "db": any(osd["db"] for osd in kept),
    }


class CephOsd(CephResource):
    """One object is one device; an item of the task may mean several."""

    plural = "osds"
    key = "device"

    def __init__(self, params: Object) -> None:
        """Keep the parameters."""
        super().__init__(params)
        self.lock = node.Lock(params["timeout"])
        self.fsid: str | None = params.get("fsid")
        self.found: dict[str, Object] = {}
        self.osds: dict[str, Object] | None = None
        self.places: dict[str, list[tuple[str, int]]] = {}
        self.slots: dict[str, list[make.Slot]] = {}
        self.ids: list[int] = list(params.get("ids") or [])
        self.taken: dict[str, list[int]] = {}

    def expand(self, items: list[Object]) -> list[Object]:
        """Return one item for each device that the patterns and the filter mean."""
        self.lock.take()
        self.fsid = self.fsid or own_fsid(self.params["conf"])
        chosen = []
        for item in items:
            fast = self.inspect(item.get("db_devices") or [], "ceph_osd_db_devices")
            own = item | {"db_devices": None if item.get("db_devices") is None else list(fast.values())}
            chosen += [own | {"device": path} for path in self.choose(item, set(fast))]
        return chosen

    def inspect(self, patterns: list[str], variable: str) -> dict[str, str]:
        """Find and inspect devices: kernel name -> path."""
        names = _block_device.names(patterns, variable)
        if not names and patterns:
            raise ResourceError(f"No disk of this node matches {', '.join(patterns)}: correct {variable}.")
        self.found |= {path: _block_device.inspect(path) for path in names.values()}
        return names

    def choose(self, item: Object, fast: set[str]) -> list[str]:
        """Find and inspect the devices of an item; those of the databases are none of them."""
        patterns = item["device"]
        names = _block_device.names(patterns)
        found = [_block_device.inspect(path) for kernel, path in names.items() if kernel not in fast]
        if not found and patterns and item["state"] == "present" and not self.ids:
            raise ResourceError(f"No disk of this node matches {', '.join(patterns)}: correct ceph_osd_devices.")
        # A disk that is to be replaced may still be there, and matches the same pattern as the new one.
        wanted = {**(item.get("filter") or {}), "count": None} if self.ids else item.get("filter")
        chosen = devices.select(found, wanted, self.fsid, item.get("wipe") or [])
        self.found |= {device["path"]: device for device in chosen}
        return [device["path"] for device in chosen]

    def close(self) -> None:
        """Disconnect, and let the next one in."""
        super().close()
        self.lock.release()

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the OSDs among the devices that the cluster knows."""
        dump = self.cluster.command({"prefix": "osd dump"})
        self.osds = osdmap(dump, self.cluster.command({"prefix": "osd tree"})["nodes"])
        if wanted is None:
            paths = _block_device.disks()
            self.found = {path: _block_device.inspect(path) for path in paths}
        else:
            paths = [item["device"] for item in wanted]
            devices.mark(self.found.values(), self.osds)
            self.check([item for item in wanted if item.get("state") == "present"])
        found = {path: self.to_dict(path) for path in paths}
        return {path: osd for path, osd in found.items() if osd}

    def to_dict(self, path: str) -> Object | None:
        """The OSDs on a device; None where there is none that the cluster knows."""
        device = self.found.setdefault(path, _block_device.inspect(path))
        kept = [osd for osd in devices.finished(device, self.fsid, self.osds or {}) if osd["ready"] is not False]
        boot = all(make.enabled(osd["id"], osd["osd_uuid"], bool(osd["volume"])) for osd in kept)
        return to_dict(device, kept, self.osds or {}, boot)

    def check(self, items: list[Object]) -> None:
        """Find out before any change whether there is room for all databases, and a device for each id to be taken."""
        # What is refused for itself is told by plan(), for all devices at once.
        refused = {item["device"]: reason for item in items if (reason := self.refused(item))}
        good = [item for item in items if item["device"] not in refused]
        self.places = slots.databases(good, self.found, self.fsid, self.osds, self.ids)
        if self.params.get("ids"):
            self.check_ids(good, refused)

    def check_ids(self, good: list[Object], refused: dict[str, str]) -> None:
        """Raise ResourceError unless there are as many new OSDs as ids, or those of the ids are there already."""
        new = {item["device"]: slots.missing(self.found[item["device"]], item, self.fsid, self.osds) for item in good}
        free = [path for path, count in new.items() if count]
        kept = [osd for item in good for osd in devices.finished(self.found[item["device"]], self.fsid, self.osds)]
        if sum(new.values()) == len(self.ids) or (not free and {osd["id"] for osd in kept} >= set(self.ids)):
            return
        reasons = "".join(f" {reason}" for reason in refused.values())
        raise ResourceError(
            f"osd.{','.join(map(str, self.ids))} can be made anew only where as many new OSDs are to be made, and "
            f"{len(free)} disks are empty and match ({', '.join(free)}); name the new one with -e device=PATH.{reasons}"
        )

    def refused(self, item: Object) -> str | None:
        """Why nothing can be made of a device."""
        try:
            self.choice(item)
        except ResourceError as error:
            return str(error)
        return None

    def choice(self, wanted: Object) -> str:
        """What becomes of a device."""
        device = self.found[wanted["device"]]
        return devices.verdict(device, self.fsid, self.osds, wanted.get("wipe") or [], layout(wanted))

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """Raise ResourceError for what needs logical volumes, where the kernel has none."""
        asked = {
            "ceph_osd_encrypted": wanted.get("encrypted"),
            "ceph_osd_db_devices": wanted.get("db_devices"),
            "ceph_osds_per_device": (wanted.get("per_device") or 1) > 1,
        }
        if any(asked.values()) and not node.device_mapper():
            names = ", ".join(name for name, value in asked.items() if value)
            raise ResourceError(f"{names}: this node's kernel has no device-mapper; use another kernel, or do without.")
        return wanted

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Keep, enrol or refuse; see :func:`_ceph_devices.verdict`."""
        if wanted["state"] == "absent":
            return super().plan(current, wanted)
        device = self.found[wanted["device"]]
        # The disk that is to be replaced may still be there.
        if self.params.get("ids") and self.refused(wanted):
            return []
        choice = self.choice(wanted)
        if choice == devices.KEEP:
            now = current or {"up": False, "enabled": False, "class": wanted["class"]}
            shall = {"up": True, "enabled": True, "class": wanted["class"]}
            return [Change(f, now[f], value) for f, value in shall.items() if value is not None and now[f] != value]
        lost = devices.contents(device, self.fsid) if choice != devices.ENROL and current is None else None
        changes = [Change("device", lost, wanted["device"], "create")]
        asked = {"class": wanted["class"], "encrypted": wanted.get("encrypted"), "db": bool(wanted.get("db_devices"))}
        return changes + [Change(field, None, value, "create") for field, value in asked.items() if value]

    def apply_all(self, work: list[tuple[Object | None, Object, list[Change]]]) -> None:
        """Volumes one after the other, then several devices at once, then wait for all of them together."""
        present = [wanted for _current, wanted, _changes in work if wanted["state"] == "present"]
        self.forget(present)
        for wanted in present:
            self.prepare(wanted)
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            jobs = [pool.submit(self.apply, *one) for one in work]
        errors = [str(error) for job in jobs if (error := job.exception()) and isinstance(error, ResourceError)]
        for job in jobs:
            if job.exception() and not isinstance(job.exception(), ResourceError):
                job.result()
        if errors:
            raise ResourceError("\n".join(errors))
        paths = [wanted["device"] for wanted in present]
        for path in paths:
            self.found[path] = _block_device.inspect(path)
        uuids = {osd["osd_uuid"] for path in paths for osd in devices.osds_on(self.found[path])}
        daemon.wait(lambda: self.up(uuids), self.params["timeout"], f"Not all of {', '.join(paths)} came up as OSDs")

    def up(self, uuids: set[str]) -> bool:
        """Whether the cluster sees these OSDs up."""
        osds = self.cluster.command({"prefix": "osd dump"})["osds"]
        return uuids <= {osd["uuid"] for osd in osds if osd["up"]}

    def prepare(self, wanted: Object) -> None:
        """Make a device ready: empty, without what an interrupted run has left, with volumes for its new OSDs."""
        path = wanted["device"]
        device, choice = self.found[path], self.choice(wanted)
        if choice == devices.KEEP:
            return
        if choice == devices.ERASE or (choice == devices.FINISH and not device["lvm"]):
            make.empty(device)
        elif choice == devices.FINISH:
            slots.clean(device, self.osds)
        self.found[path] = device = _block_device.inspect(path)
        count = slots.missing(device, wanted, self.fsid, self.osds)
        self.taken[path], self.ids = self.ids[:count], self.ids[count:]
        if node.device_mapper():
            places = [self.place(name, size, wanted) for name, size in self.places.get(path, [])]
            self.slots[path] = slots.volumes(device, wanted, places, self.taken[path])

    def place(self, path: str, size: int, wanted: Object) -> tuple[Object, str, int]:
        """A device of databases, ready to take one: its group, the device and the size."""
        device = _block_device.inspect(path)
        return slots.open_database(device, wanted.get("wipe") or [], self.fsid), f"/dev/{device['kernel']}", size

    def forget(self, work: list[Object]) -> None:
        """Give up OSDs whose making was cut short: their ids become free, and are the first to be given again."""
        for wanted in work:
            for osd in devices.begun(self.found[wanted["device"]], self.osds):
                make.clear(osd["id"])
                self.cluster.command({"prefix": "osd purge-new", "id": osd["id"], "yes_i_really_mean_it": True})
        for path in {path for wanted in work for path in wanted.get("db_devices") or []}:
            if self.found[path]["lvm"]:
                slots.clean(self.found[path], self.osds)

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Bring one device to be running OSDs; safe to run again at any point."""
        device = self.found[wanted["device"]]
        if wanted["state"] == "absent":
            self.remove(current or {}, wanted)
            return
        if self.slots.get(wanted["device"]):
            # Making bluestore on a large disk takes long.
            for slot in self.slots[wanted["device"]]:
                make.make(slot, wanted, 10 * self.params["timeout"])
        elif self.choice(wanted) != devices.KEEP:
            ident = next(iter(self.taken.get(wanted["device"], [])), None)
            make.make_raw(device, wanted, ident, 10 * self.params["timeout"])
        else:
            self.keep(current or {}, wanted, device)

    def keep(self, current: Object, wanted: Object, device: Object) -> None:
        """Start OSDs that are down, be their node new; set their class."""
        for osd in devices.finished(device, self.fsid, self.osds):
            ident = osd["id"]
            if not (current.get("up") and current.get("enabled")):
                if osd["volume"]:
                    make.start_volume(ident, osd["osd_uuid"])
                else:
                    make.prime(device["path"], ident)
                    make.start_raw(device, ident)
            if wanted["class"] and current.get("class") not in (None, wanted["class"]):
                self.reclass(ident, wanted["class"])

    def reclass(self, ident: int, device_class: str) -> None:
        """Change the class of an OSD, with its own key: that of bootstrap-osd may not."""
        keyring = str(make.OSDS / f"ceph-{ident}" / "keyring")
        with Cluster({**self.params, "client": f"osd.{ident}", "keyring": keyring}) as cluster:
            cluster.command({"prefix": "osd crush rm-device-class", "ids": [str(ident)]})
            command = {"prefix": "osd crush set-device-class", "class": device_class, "ids": [str(ident)]}
            cluster.command(command)

    def remove(self, current: Object, wanted: Object) -> None:
        """Take the OSDs of a device out for good, once all their data is elsewhere."""
        names = [str(ident) for ident in current["ids"]]
        self.cluster.command({"prefix": "osd out", "ids": names})
        who = ", ".join(f"osd.{name}" for name in names)
        complaint = f"The data of {who} is still being moved; run again when it is done: it was not so"
        daemon.wait(lambda: self.safe(names), self.params["timeout"], complaint)
        for ident in current["ids"]:
            make.stop(ident)
            self.cluster.command({"prefix": "osd down", "ids": [str(ident)]})
            # A command of the manager, which looks once more whether data would be lost.
            self.cluster.command({"prefix": "osd purge", "id": ident, "yes_i_really_mean_it": True}, manager=True)
        device = self.found[wanted["device"]]
        if devices.consented(device, wanted.get("wipe") or []):
            make.empty(device)

    def safe(self, names: list[str]) -> bool:
        """Whether no data would be lost with these OSDs."""
        try:
            answer = self.cluster.command({"prefix": "osd safe-to-destroy", "ids": names}, manager=True)
        except ResourceError:
            return False
        return set(map(int, names)) <= set((answer or {}).get("safe_to_destroy", []))
