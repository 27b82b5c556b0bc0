# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before Pacemaker starts: wait for the storage; where that has fenced this node, end what ran, and lift the fence.

A node without quorum, or without a way to the storage, waits here: it could run nothing anyway.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import rados

CLIENT = "client.fence"
GUESTS = "client.libvirt"
SETTINGS = Path("/usr/local/lib/cairn/ha.json")
LIMITS = {"client_mount_timeout": "10", "rados_mon_op_timeout": "10", "rados_osd_op_timeout": "10"}


def ask(ceph: rados.Rados, **command: Any) -> Any:
    """Have the monitors carry out a command; return its answer. Raise OSError for what they refuse."""
    number, output, text = ceph.mon_command(json.dumps({"format": "json", **command}), b"")
    if number:
        raise OSError(-number, text)
    return json.loads(output) if output.strip() else None


def guests() -> list[int]:
    """The processes of guests with disks in Ceph: nothing that they still hold may reach those after the fence."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if b'"driver":"rbd"' in command:
            found.append(int(path.parent.name))
    return found


def end_guests() -> None:
    """Kill them, and wait until they are gone."""
    while running := guests():
        for process in running:
            print(f"Ending guest process {process}: this node was fenced while it ran.", flush=True)
            os.kill(process, signal.SIGKILL)
        time.sleep(0.2)


def lift(address: str) -> bool:
    """Whether the storage answered; then this node is not fenced any more."""
    try:
        with rados.Rados(name=CLIENT, conffile="/etc/ceph/ceph.conf", conf=LIMITS) as ceph:
            entry = f"[{address}]:0/0" if ":" in address else f"{address}:0/0"
            if entry in ask(ceph, prefix="osd dump")["blocklist"]:
                end_guests()
                ask(ceph, prefix="osd blocklist", blocklistop="rm", addr=entry)
                print(f"{address} is no longer fenced at the storage.", flush=True)
                # The guests outside Pacemaker that were ended with the others.
                subprocess.run(("systemctl", "--no-block", "restart", "cairn-guests.service"), check=False)
    except (rados.Error, OSError) as error:
        print(f"The storage does not answer yet: {error}", flush=True)
        return False
    return True


def serves(pool: str) -> bool:
    """Whether an object of the pool can be asked for; after a power cut the OSDs are to start first."""
    try:
        with (
            rados.Rados(name=GUESTS, conffile="/etc/ceph/ceph.conf", conf=LIMITS) as ceph,
            ceph.open_ioctx(pool) as ioctx,
        ):
            ioctx.stat("rbd_directory")
    except rados.ObjectNotFound:
        return True
    except rados.Error as error:
        print(f"The storage does not serve {pool} yet: {error}", flush=True)
        return False
    return True


def main() -> int:
    """Entry point."""
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    own = settings["nodes"][socket.gethostname()]
    # OSDs on logical volumes, and storage VMs, start later than any unit that could be waited for. While that is waited
    # for, the others may still fence this node.
    while not (lift(own["storage"]) and serves(settings["pool"])):
        time.sleep(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
