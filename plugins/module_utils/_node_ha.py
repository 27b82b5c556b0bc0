# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node already has of corosync and Pacemaker, and with what it could be fenced.

Private to the collection.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils._node import read_text
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

ROOT = Path("/")
# Debian's package installs a configuration of this name.
DEBIAN = "debian"
# In the order in which they start; a full member of the cluster has the first two, a remote node the last.
SERVICES = ("corosync.service", "pacemaker.service", "pacemaker_remote.service")


def corosync(text: str) -> dict[str, int]:
    """The nodes of a corosync.conf and their ids; none in the one that Debian's package brings."""
    if re.search(rf"^\s*cluster_name:\s*{DEBIAN}\s*$", text, re.MULTILINE):
        return {}
    blocks = re.findall(r"^\s*node\s*\{([^}]*)\}", text, re.MULTILINE)
    pairs = [dict(re.findall(r"^\s*(\w+):\s*(\S+)", block, re.MULTILINE)) for block in blocks]
    return {pair["name"]: int(pair["nodeid"]) for pair in pairs if {"name", "nodeid"} <= pair.keys()}


def alive(pid: str, root: Path) -> bool:
    """Whether the process of a file with its number is there."""
    process = read_text(root / pid).strip()
    return bool(process) and (root / "proc" / process).exists()


def sbd(root: Path) -> int | None:
    """After how many seconds the watchdog resets this node; None where no daemon feeds it.

    The kernel knows, by the device that the daemon has open: its file says what the next one will be, and its
    environment can't be read, for it writes its title over that.
    """
    process = read_text(root / "run/sbd.pid").strip()
    for entry in root.glob(f"proc/{process}/fd/*") if process else ():
        try:
            device = os.readlink(entry)
        except OSError:  # closed meanwhile
            continue
        if device.startswith("/dev/watchdog"):
            # The name without a number is an older one of the first.
            name = "watchdog0" if device == "/dev/watchdog" else os.path.basename(device)
            seconds = read_text(root / "sys/class/watchdog" / name / "timeout").strip()
            return int(seconds) if seconds else None
    return None


def remote(root: Path) -> bool:
    """Whether Pacemaker's daemon of a remote node runs; the kernel keeps 15 characters of a name."""
    return any(read_text(path).strip() == "pacemaker-remot" for path in root.glob("proc/[0-9]*/comm"))


def report(root: Path = ROOT) -> Object:
    """The ids that nodes have, what runs here, the services that are installed, and the watchdogs.

    `running` is corosync, `remote` what a remote node has in its place.
    `watchdog_timeout` is what the watchdog is fed with now.
    """
    text = read_text(root / "etc/corosync/corosync.conf")
    return {
        "nodes": corosync(text),
        "running": alive("run/corosync.pid", root),
        "remote": remote(root),
        "services": [unit for unit in SERVICES if (root / "usr/lib/systemd/system" / unit).exists()],
        "watchdogs": sorted(str(path) for path in root.glob("dev/watchdog[0-9]*")),
        "watchdog_timeout": sbd(root),
    }
