# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node has of a Ceph cluster, and taking it away for good.

Private to the collection.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _block_device, _ceph_node, _lvm, _lvm_metadata
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_osd_make as make
from ansible_collections.cairn.hci.plugins.module_utils._ceph_daemon import run, stop
from ansible_collections.cairn.hci.plugins.module_utils._ceph_devices import debris
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, Resource

STATE = Path("/var/lib/ceph")
CONFIGURATION = Path("/etc/ceph")


def units() -> list[str]:
    """The daemons of Ceph that are loaded or enabled, such as ceph-osd@0.service."""
    listed = json.loads(run("systemctl", "list-units", "--all", "--output=json", "ceph-*@*.service"))
    links = Path("/etc/systemd/system").glob("*.wants/ceph-*@*.service")
    return sorted({unit["unit"] for unit in listed} | {link.name for link in links})


def to_dict(fsid: str, report: Object) -> Object | None:
    """What the node has of the cluster; None when it has nothing."""
    osds = [osd for osd in report["osds"] if osd["ceph_fsid"] == fsid]
    if not osds and fsid not in (report["fsid"], report["mon_fsid"]):
        return None
    return {
        "fsid": fsid,
        "monitor": report["mon_store"],
        "osds": [{"id": o["id"], "device": o["device"]} for o in osds],
    }


class CephPurge(Resource):
    """The part of a cluster that is on this node."""

    plural = "clusters"
    key = "fsid"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the clusters that the node has something of."""
        report = _ceph_node.report()
        found = {item["fsid"]: to_dict(item["fsid"], report) for item in wanted or []}
        return {fsid: part for fsid, part in found.items() if part is not None}

    def devices(self, fsid: str) -> list[str]:
        """The disks with OSDs of the cluster or their databases."""
        paths = {osd["device"] for osd in _ceph_node.labels() if osd["ceph_fsid"] == fsid}
        for path in _block_device.disks():
            tags = [volume["tags"] for volume in (_lvm_metadata.read(path) or {}).get("volumes", [])]
            if any(tag.get("ceph.cluster_fsid") == fsid for tag in tags):
                paths.add(path)
        return sorted(paths)

    def empty(self, device: Object, fsid: str) -> None:
        """Erase a disk; where it has others' volumes beside those of the cluster, only these."""
        volumes = (device["lvm"] or {"volumes": []})["volumes"]
        ours = [one for one in volumes if one["tags"].get("ceph.cluster_fsid") == fsid or debris(one)]
        if len(ours) == len(volumes):
            make.empty(device)
            return
        for volume in ours:
            _lvm.remove_volume(volume)

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Stop the daemons, erase the OSDs, then remove what makes the node a member: an interrupted run goes on."""
        for unit in units():
            stop(unit)
        for osd in (current or {})["osds"]:
            make.clear(osd["id"])
        fsid = (current or {})["fsid"]
        for path in self.devices(fsid):
            self.empty(_block_device.inspect(path), fsid)
        run("systemctl", "stop", "ceph.target", "ceph-crash.service")
        # Not is_mount(): on an overlay a file has another device number than its directory.
        mounted = {line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()}
        for directory in STATE.glob("*/*"):
            if str(directory) in mounted:
                run("umount", str(directory))
            shutil.rmtree(directory) if directory.is_dir() else directory.unlink()
        for file in CONFIGURATION.glob("ceph*"):
            file.unlink()
