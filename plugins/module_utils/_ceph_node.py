# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node has of a Ceph cluster, read without any binding, key or quorum.

Private to the collection.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import struct
import time
from pathlib import Path
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils import _bluestore, _lvm_metadata
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

ROOT = Path("/")
HEADER = "# Written by cairn.hci"
LOCK = "/run/lock/cairn.ceph"
# What a monitor is while it votes, and also without quorum, which is told apart by time: they wait for those who don't
# answer during mon_election_timeout, by default 5 s.
VOTING = ("probing", "electing")
VOTE = 10


def parse_conf(text: str) -> Object:
    """Return `fsid`, `monitors` and whether the file is `ours`, of the text of a ceph.conf."""
    options: dict[str, str] = {}
    section = "global"
    for line in text.splitlines():
        head = re.fullmatch(r"\s*\[(.+)]\s*", line)
        pair = re.fullmatch(r"\s*([^#;=]+?)\s*=\s*(.*?)\s*", line)
        if head:
            section = head[1].strip()
        elif pair and section == "global":
            options[re.sub(r"[\s-]+", "_", pair[1])] = pair[2]
    # One monitor is an address, or its addresses by protocol in brackets.
    hosts = re.findall(r"\[v\d:[^]]*(?:\[[^]]*][^]]*)*]|[^\s,;]+", options.get("mon_host", ""))
    return {"fsid": options.get("fsid") or None, "monitors": hosts, "ours": text.startswith(HEADER)}


def ask(path: Path, command: Object, seconds: float = 5) -> Any:
    """Ask a daemon through its admin socket; return None where nothing answers within `seconds`.

    The protocol is a JSON command and a zero byte, then four bytes of length and the answer.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(str(path))
            connection.sendall(json.dumps({"format": "json", **command}).encode() + b"\0")
            with connection.makefile("rb") as answer:
                (length,) = struct.unpack(">I", answer.read(4))
                return json.loads(answer.read(length))
    except (OSError, struct.error, json.JSONDecodeError):
        return None


def mon_status(name: str, root: Path = ROOT) -> Object | None:
    """What the monitor of this node says of itself; None when it does not run."""
    status: Object | None = ask(root / f"run/ceph/ceph-mon.{name}.asok", {"prefix": "mon_status"})
    return status if status and "monmap" in status else None


def votes(status: Object) -> bool:
    """Whether a monitor may be voting. One whose map is still that of its making waits for the others to be made."""
    return status["state"] in VOTING and status["monmap"]["epoch"] > 0


def mon_status_voted(name: str, root: Path = ROOT) -> Object | None:
    """What the monitor says when no vote is under way; they vote whenever one of them comes, goes or falls silent."""
    until = time.monotonic() + VOTE
    while (status := mon_status(name, root)) and votes(status) and time.monotonic() < until:
        time.sleep(0.2)
    return status


def mon_store(root: Path = ROOT) -> str | None:
    """The name of the monitor that has its store on this node."""
    found = sorted((root / "var/lib/ceph/mon").glob("ceph-*/store.db"))
    return found[0].parent.name.removeprefix("ceph-") if found else None


def labels(root: Path = ROOT) -> list[Object]:
    """The OSDs on the disks, partitions and logical volumes that the node can open; none without rights.

    Those on logical volumes go by the name of their disk, whether they are active, open, or encrypted and closed.
    """
    names: dict[str, list[str]] = {}
    for link in (root / "dev/disk").glob("by-*/*"):
        names.setdefault(os.path.realpath(link), []).append(str(link))
    found = []
    for entry in sorted((root / "sys/class/block").glob("*")):
        device = root / "dev" / entry.name
        if entry.name.startswith(("ram", "sr", "zram", "nbd", "dm-")) or not device.exists():
            continue
        links = sorted(names.get(os.path.realpath(device), []))
        osds = _on_volumes(device) or _on_disk(device)
        found += [{"device": str(device), "links": links} | osd for osd in osds]
    return found


def _on_disk(device: Path) -> list[Object]:
    """The OSD on a device itself."""
    label = _bluestore.read(device)
    if not (label and label["main"] and label["ceph_fsid"]):
        return []
    return [{key: label[key] for key in ("ceph_fsid", "osd_uuid", "id")}]


def _on_volumes(device: Path) -> list[Object]:
    """The OSDs on the logical volumes of a device, as LVM's tags say."""
    tags = [volume["tags"] for volume in (_lvm_metadata.read(str(device)) or {}).get("volumes", [])]
    return [
        {"ceph_fsid": tag["ceph.cluster_fsid"], "osd_uuid": tag.get("ceph.osd_fsid"), "id": int(tag["ceph.osd_id"])}
        for tag in tags
        if tag.get("ceph.type") == "block" and tag.get("ceph.cluster_fsid") and tag.get("ceph.osd_id", "").isdigit()
    ]


def device_mapper() -> bool:
    """Whether the kernel has device-mapper, which LVM needs; opening its control loads the module."""
    try:
        os.close(os.open("/dev/mapper/control", os.O_RDONLY))
    except OSError:
        return False
    return True


def report(root: Path = ROOT) -> Object:
    """What the node has of a cluster; see :func:`_ceph_cluster.decide` for what follows from it."""
    try:
        conf = parse_conf((root / "etc/ceph/ceph.conf").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        conf = parse_conf("")
    name = mon_store(root)
    status = mon_status_voted(name, root) if name else None
    monmap = status["monmap"] if status else {}
    return conf | {
        "mon_store": name,
        "mon_running": status is not None,
        "mon_fsid": monmap.get("fsid"),
        "mon_state": status["state"] if status else None,
        "mon_names": [mon["name"] for mon in monmap.get("mons", [])],
        "osds": labels(root),
        "device_mapper": device_mapper(),
    }


class Lock:
    """One module at a time on a node: a run that was killed may still be at work there when the next one begins."""

    def __init__(self, seconds: float, path: str = LOCK) -> None:
        """Wait at most `seconds` for the module before."""
        self.seconds = seconds
        self.path = path
        self.handle: int | None = None

    def take(self) -> None:
        """Wait for the lock. Raise ResourceError when that takes too long."""
        deadline = time.monotonic() + self.seconds
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(handle)
                    raise ResourceError(
                        f"An earlier run still works on Ceph here, for more than {self.seconds:g} s ({self.path}); "
                        "see its process with 'fuser', then run again."
                    ) from None
                time.sleep(0.2)
            else:
                self.handle = handle
                return

    def release(self) -> None:
        """Let the next one work."""
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None
