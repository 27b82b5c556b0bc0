# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OSDs of a node.

Private to the collection.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _block_device, _bluestore
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_daemon as daemon
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_devices as devices
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_node as node
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource, Cluster
from ansible_collections.cairn.hci.plugins.module_utils._config_file import write
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError

OSDS = Path("/var/lib/ceph/osd")
# Raw devices belong to root after a restart; those below LVM are handed to Ceph by its own udev rules.
DROP_IN = Path("/etc/systemd/system/ceph-osd@.service.d/cairn.conf")
DROP_IN_TEXT = """\
# Written by cairn.hci: without LVM nothing gives the device to Ceph when the node starts.
[Service]
ExecStartPre=+/usr/bin/chown ceph:ceph /var/lib/ceph/osd/ceph-%i/block
"""
PARALLEL = 4


def osdmap(dump: Object, tree: list[Object]) -> dict[str, Object]:
    """The OSDs that the cluster knows, by uuid. `booted`: whether it has ever been up."""
    classes = {entry["id"]: entry.get("device_class") or None for entry in tree}
    return {
        osd["uuid"]: {
            "id": osd["osd"],
            "up": bool(osd["up"]),
            "booted": bool(osd["up"] or osd["up_from"]),
            "class": classes.get(osd["osd"]),
        }
        for osd in dump["osds"]
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

    def expand(self, items: list[Object]) -> list[Object]:
        """Return one item for each device that the patterns and the filter mean."""
        self.lock.take()
        self.fsid = self.fsid or self.own_fsid()
        return [item | {"device": path} for item in items for path in self.choose(item)]

    def own_fsid(self) -> str | None:
        """The cluster of this node's configuration."""
        conf = Path(self.params["conf"])
        fsid: str | None = node.parse_conf(conf.read_text(encoding="utf-8") if conf.exists() else "")["fsid"]
        return fsid

    def choose(self, item: Object) -> list[str]:
        """Find and inspect the devices of an item."""
        found = [_block_device.inspect(path) for path in _block_device.names(item["device"]).values()]
        if not found and item["device"] and item["state"] == "present":
            raise ResourceError(f"No disk of this node matches {', '.join(item['device'])}: correct ceph_osd_devices.")
        chosen = devices.select(found, item.get("filter"), self.fsid, item.get("wipe") or [])
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
            self.found = {osd["device"]: _block_device.inspect(osd["device"]) for osd in node.labels()}
        paths = list(self.found) if wanted is None else [item["device"] for item in wanted]
        found = {path: self.to_dict(path) for path in paths}
        return {path: osd for path, osd in found.items() if osd}

    def to_dict(self, path: str) -> Object | None:
        """The OSD on a device; None where there is none that the cluster knows."""
        device = self.found.setdefault(path, _block_device.inspect(path))
        label = device["label"]
        osd = (self.osds or {}).get(label["osd_uuid"]) if label and label["ready"] else None
        if osd is None or label["ceph_fsid"] != self.fsid:
            return None
        boot = device["lvm"] or daemon.unit(f"ceph-osd@{osd['id']}")["enabled"]
        return {"device": path, "uuid": label["osd_uuid"], "lvm": device["lvm"], "enabled": boot} | {
            key: osd[key] for key in ("id", "up", "class")
        }

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Keep, enrol or refuse; see :func:`_ceph_devices.verdict`."""
        if wanted["state"] == "absent":
            return super().plan(current, wanted)
        device = self.found[wanted["device"]]
        choice = devices.verdict(device, self.fsid, self.osds, wanted.get("wipe") or [])
        if choice == devices.KEEP:
            now = current or {"up": False, "enabled": False, "class": wanted["class"]}
            shall = {"up": True, "enabled": True, "class": wanted["class"]}
            return [Change(f, now[f], value) for f, value in shall.items() if value is not None and now[f] != value]
        lost = devices.contents(device, self.fsid) if choice != devices.ENROL else None
        changes = [Change("device", lost, wanted["device"], "create")]
        return changes + [Change("class", None, wanted["class"], "create")] * bool(wanted["class"])

    def apply_all(self, work: list[tuple[Object | None, Object, list[Change]]]) -> None:
        """Several devices at once, then wait for all of them together."""
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            jobs = [pool.submit(self.apply, *one) for one in work]
        errors = [str(error) for job in jobs if (error := job.exception()) and isinstance(error, ResourceError)]
        for job in jobs:
            if job.exception() and not isinstance(job.exception(), ResourceError):
                job.result()
        if errors:
            raise ResourceError("\n".join(errors))
        paths = [wanted["device"] for _current, wanted, _changes in work if wanted["state"] == "present"]
        for path in paths:
            self.found[path] = _block_device.inspect(path)
        uuids = {self.found[path]["label"]["osd_uuid"]: path for path in paths}
        daemon.wait(
            lambda: self.up(set(uuids)), self.params["timeout"], f"Not all of {', '.join(paths)} came up as OSDs"
        )

    def up(self, uuids: set[str]) -> bool:
        """Whether the cluster sees these OSDs up."""
        osds = self.cluster.command({"prefix": "osd dump"})["osds"]
        return uuids <= {osd["uuid"] for osd in osds if osd["up"]}

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Bring one device to be a running OSD; safe to run again at any point."""
        device = self.found[wanted["device"]]
        if wanted["state"] == "absent":
            self.remove(current or {}, wanted)
            return
        choice = devices.verdict(device, self.fsid, self.osds, wanted.get("wipe") or [])
        if choice == devices.KEEP:
            self.keep(current or {}, wanted, device)
            return
        if choice != devices.ENROL:
            self.forget(device)
            _block_device.erase(device)
        self.enrol(device, wanted["class"])

    def forget(self, device: Object) -> None:
        """Free the id of an OSD whose making was interrupted."""
        osd = (self.osds or {}).get(device["label"]["osd_uuid"]) if device["label"] else None
        if osd and not osd["booted"]:
            self.cluster.command({"prefix": "osd purge-new", "id": osd["id"], "yes_i_really_mean_it": True})

    def enrol(self, device: Object, device_class: str | None) -> None:
        """Make an OSD of an empty device: on a logical volume where the kernel can, else on the device itself."""
        path = device["path"]
        options = ["--bluestore", "--data", path]
        options += ["--crush-device-class", device_class] if device_class else []
        # Making bluestore on a large disk takes long.
        seconds = 10 * self.params["timeout"]
        if node.device_mapper():
            daemon.run("ceph-volume", "lvm", "create", *options, seconds=seconds)
            return
        daemon.run("ceph-volume", "raw", "prepare", "--no-tmpfs", *options, seconds=seconds)
        label = _bluestore.read(path)
        if label is None:
            raise ResourceError(f"{path}: 'ceph-volume raw prepare' made no OSD; see /var/log/ceph/ceph-volume.log.")
        self.start_raw(device, label["id"])

    def start_raw(self, device: Object, ident: int) -> None:
        """Start an OSD without LVM, now and whenever the node starts."""
        link = OSDS / f"ceph-{ident}" / "block"
        link.unlink(missing_ok=True)
        # A name that stays when other disks come and go.
        link.symlink_to(device["path"] if "/disk/by-" in device["path"] else device["aliases"][0])
        if not DROP_IN.exists():
            write({"path": str(DROP_IN), "mode": "0644", "owner": "root", "group": "root"}, DROP_IN_TEXT)
            daemon.run("systemctl", "daemon-reload", seconds=60)
        daemon.start(f"ceph-osd@{ident}")

    def keep(self, current: Object, wanted: Object, device: Object) -> None:
        """Start an OSD that is down, be its node new; set its class."""
        label = device["label"]
        ident = label["id"]
        if not (current.get("up") and current.get("enabled")):
            if device["lvm"]:
                daemon.run("ceph-volume", "lvm", "activate", str(ident), label["osd_uuid"], seconds=120)
                daemon.start(f"ceph-osd@{ident}")
            else:
                self.prime(device["path"], ident)
                self.start_raw(device, ident)
        if wanted["class"] and current.get("class") not in (None, wanted["class"]):
            self.reclass(ident, wanted["class"])

    def prime(self, path: str, ident: int) -> None:
        """Write the directory of an OSD anew from its label, as `ceph-volume raw activate` does."""
        directory = OSDS / f"ceph-{ident}"
        if daemon.unit(f"ceph-osd@{ident}")["running"]:
            return
        directory.mkdir(mode=0o755, exist_ok=True)
        (directory / "block").unlink(missing_ok=True)
        command = ["ceph-bluestore-tool", "prime-osd-dir", "--path", str(directory), "--no-mon-config", "--dev", path]
        daemon.run(*command, seconds=60)
        for entry in (directory, *directory.iterdir()):
            shutil.chown(entry, "ceph", "ceph")

    def reclass(self, ident: int, device_class: str) -> None:
        """Change the class of an OSD, with its own key: that of bootstrap-osd may not."""
        keyring = str(OSDS / f"ceph-{ident}" / "keyring")
        with Cluster({**self.params, "client": f"osd.{ident}", "keyring": keyring}) as cluster:
            cluster.command({"prefix": "osd crush rm-device-class", "ids": [str(ident)]})
            command = {"prefix": "osd crush set-device-class", "class": device_class, "ids": [str(ident)]}
            cluster.command(command)

    def remove(self, osd: Object, wanted: Object) -> None:
        """Take an OSD out for good, once all its data is elsewhere."""
        ident = osd["id"]
        self.cluster.command({"prefix": "osd out", "ids": [str(ident)]})
        complaint = f"osd.{ident} is out, its data is still being moved; run again when it is done: it was not so"
        daemon.wait(lambda: self.safe(ident), self.params["timeout"], complaint)
        daemon.stop(f"ceph-osd@{ident}")
        self.cluster.command({"prefix": "osd down", "ids": [str(ident)]})
        # A command of the manager, which looks once more whether data would be lost.
        self.cluster.command({"prefix": "osd purge", "id": ident, "yes_i_really_mean_it": True}, manager=True)
        directory = OSDS / f"ceph-{ident}"
        if directory.exists() and not os.path.ismount(directory):
            shutil.rmtree(directory)
        device = self.found[wanted["device"]]
        if devices.consented(device, wanted.get("wipe") or []):
            if osd["lvm"]:
                daemon.run("ceph-volume", "lvm", "zap", "--destroy", device["path"], seconds=600)
            else:
                _block_device.erase(device)

    def safe(self, ident: int) -> bool:
        """Whether no data would be lost with this OSD."""
        try:
            answer = self.cluster.command({"prefix": "osd safe-to-destroy", "ids": [str(ident)]}, manager=True)
        except ResourceError:
            return False
        return ident in (answer or {}).get("safe_to_destroy", [])
