# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of a node, as `lsblk --json` tells them. Pure but for :func:`read` and :func:`links`.

Private to the collection.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils._node import output
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

COLUMNS = "NAME,PATH,TYPE,SIZE,ROTA,RO,FSTYPE,PTTYPE,MOUNTPOINTS,MODEL,SERIAL"
DISKS = {"disk", "loop"}


def descendants(device: Object) -> Iterator[Object]:
    """Partitions, logical volumes and whatever else is on a device, in depth."""
    for child in device.get("children", []):
        yield child
        yield from descendants(child)


def kind(device: Object) -> str:
    """How fast a disk is: nvme, ssd or hdd."""
    if device["name"].startswith("nvme"):
        return "nvme"
    return "hdd" if device["rota"] else "ssd"


def disk(device: Object, by_device: dict[str, list[str]]) -> Object:
    """One disk, with all that is on it."""
    below = list(descendants(device))
    return {
        "path": device["path"],
        "links": sorted(by_device.get(device["path"], [])),
        "type": kind(device),
        "size": int(device["size"]),
        "read_only": bool(device["ro"]),
        "model": (device.get("model") or "").strip(),
        "serial": device.get("serial") or "",
        "signature": device.get("fstype") or device.get("pttype"),
        "partitions": [child["path"] for child in below if child["type"] == "part"],
        "holders": [child["path"] for child in below if child["type"] != "part"],
        "mounts": [mount for entry in (device, *below) for mount in entry.get("mountpoints", []) if mount],
    }


def parse(text: str, by_device: dict[str, list[str]], nodes: set[str]) -> list[Object]:
    """Return the disks among `nodes` (the devices that /dev has: a container sees all of its host's in /sys)."""
    devices = json.loads(text or '{"blockdevices": []}')["blockdevices"]
    return [
        disk(device, by_device)
        for device in devices
        if device["type"] in DISKS and int(device["size"]) and device["path"] in nodes
    ]


def links(directory: Path = Path("/dev/disk")) -> dict[str, list[str]]:
    """The links below /dev/disk by the device that they lead to."""
    found: dict[str, list[str]] = {}
    for link in directory.glob("by-*/*"):
        found.setdefault(os.path.realpath(link), []).append(str(link))
    return found


def read() -> list[Object]:
    """Ask lsblk."""
    nodes = {str(path) for path in Path("/dev").iterdir() if path.is_block_device()}
    return parse(output("lsblk", "--json", "--bytes", "--output", COLUMNS), links(), nodes)
