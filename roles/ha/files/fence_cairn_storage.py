# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fence agent: cuts a node off from the storage.

`off` blocklists every Ceph client of the node, so that nothing that still runs there can write to a disk, and declares
its OSDs dead, so that I/O goes on without waiting for Ceph's own 20 s of grace. The node lifts that itself, when it has
ended all guests of the time before (unfence.py).

The API: https://github.com/ClusterLabs/fence-agents/blob/main/doc/FenceAgentAPI.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import rados

CLIENT = "client.fence"
SETTINGS = Path("/usr/local/lib/cairn/ha.json")
# Seconds that the monitors may take, for they may have lost their leader together with the node.
PATIENCE = {"client_mount_timeout": "15", "rados_mon_op_timeout": "15"}
# A blocklist entry ends by itself otherwise, after an hour; a node may be away for longer.
FOR_EVER = 10 * 365 * 86400.0
METADATA = """<?xml version="1.0" ?>
<resource-agent name="fence_cairn_storage" shortdesc="Cuts a node off from Ceph">
<longdesc>Blocklists the Ceph clients of a node and declares its OSDs dead. The node lifts
it when it starts anew.</longdesc>
<vendor-url>https://github.com/cairn-hci/cairn.hci</vendor-url>
<parameters>
<parameter name="action" unique="0" required="1"><content type="string" default="off"/>
<shortdesc lang="en">Fencing action</shortdesc></parameter>
<parameter name="port" unique="0" required="1" deprecated="1"><content type="string"/>
<shortdesc lang="en">Name of the node</shortdesc></parameter>
<parameter name="plug" unique="0" required="1" obsoletes="port"><content type="string"/>
<shortdesc lang="en">Name of the node</shortdesc></parameter>
</parameters>
<actions>
<action name="on" automatic="0"/>
<action name="off"/>
<action name="reboot"/>
<action name="status"/>
<action name="list"/>
<action name="monitor"/>
<action name="metadata"/>
<action name="validate-all"/>
</actions>
</resource-agent>"""


def options() -> dict[str, str]:
    """What Pacemaker writes to standard input: a `name=value` a line."""
    pairs = (line.strip().partition("=") for line in sys.stdin)
    return {name: value for name, equals, value in pairs if equals and not name.startswith("#")}


def ask(ceph: rados.Rados, **command: Any) -> Any:
    """Have the monitors carry out a command; return its answer. Raise OSError for what they refuse."""
    number, output, text = ceph.mon_command(json.dumps({"format": "json", **command}), b"")
    if number:
        raise OSError(-number, text)
    return json.loads(output) if output.strip() else None


def osds_at(dump: dict[str, Any], addresses: Collection[str]) -> list[str]:
    """The OSDs of a node, and of its storage VM, that are not known to be down."""
    hosts = {entry(address).rpartition(":")[0] for address in addresses}
    return [str(osd["osd"]) for osd in dump["osds"] if osd["up"] and osd["public_addr"].rpartition(":")[0] in hosts]


def entry(address: str) -> str:
    """All clients of an address, as the blocklist has them. Without brackets IPv6 is read wrongly."""
    return f"[{address}]:0/0" if ":" in address else f"{address}:0/0"


def blocked(dump: dict[str, Any], address: str) -> bool:
    """Whether all clients of a node are blocklisted."""
    return entry(address) in dump["blocklist"]


def cut(ceph: rados.Rados, address: str, osds: Collection[str]) -> None:
    """Blocklist the node's clients and declare its OSDs dead, side by side: each takes the monitors a round.

    `osds` are the addresses of those. A storage VM has no clients that write to disks, so that its OSDs come back by
    themselves.

    The map that has the OSDs down is never older than the one with the blocklist, for the monitors take commands in
    their order.
    """
    block = {"prefix": "osd blocklist", "blocklistop": "add", "addr": entry(address), "expire": FOR_EVER}
    down = {"prefix": "osd down", "ids": osds_at(ask(ceph, prefix="osd dump"), osds), "definitely_dead": True}
    with ThreadPoolExecutor() as pool:
        first = pool.submit(ask, ceph, **block)
        if down["ids"]:
            pool.submit(ask, ceph, **down).result()
        first.result()


def act(action: str, node: str) -> int:
    """Carry out an action; `on` has nothing to do, for only the node knows when its old guests have ended."""
    with rados.Rados(name=CLIENT, conffile="/etc/ceph/ceph.conf", conf=PATIENCE) as ceph:
        if action == "monitor":
            ask(ceph, prefix="osd dump")
            return 0
        own = json.loads(SETTINGS.read_text(encoding="utf-8"))["nodes"][node]
        address = own["storage"]
        if action in {"off", "reboot"}:
            cut(ceph, address, own["osds"])
        if action == "status":
            return 2 if blocked(ask(ceph, prefix="osd dump"), address) else 0
    return 0


def main() -> int:
    """Entry point; 2 is the status `off`, 1 any failure."""
    if "metadata" in sys.argv[1:] or sys.argv[1:3] == ["-o", "metadata"]:
        print(METADATA)
        return 0
    given = options()
    action, node = given.get("action", "reboot"), given.get("plug") or given.get("port", "")
    if action == "metadata":
        print(METADATA)
        return 0
    if action in {"list", "on", "validate-all"}:
        return 0
    if not node and action != "monitor":
        print("which node? (plug)", file=sys.stderr)
        return 1
    try:
        return act(action, node)
    except (rados.Error, OSError, KeyError) as error:
        print(f"{action} {node}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
