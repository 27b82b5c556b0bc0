# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What state the whole cluster is in, from the answers of Ceph's monitors.

Private to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object


def checks(health: Object) -> list[str]:
    """The health checks that are raised, one sentence each; muted ones too, for they are still the case."""
    return [f"{name}: {check['summary']['message']}" for name, check in health["checks"].items()]


def osds(nodes: list[Object]) -> list[Object]:
    """The OSDs of `osd df tree`, with the host that each is under."""
    hosts = {child: node["name"] for node in nodes if node["type"] == "host" for child in node["children"]}
    return [
        {
            "id": node["id"],
            "host": hosts.get(node["id"]),
            "class": node.get("device_class", ""),
            "up": node["status"] == "up",
            "in": node["reweight"] > 0,
            "size": node["kb"] * 1024,
            "used": node["kb_used"] * 1024,
        }
        for node in nodes
        if node["type"] == "osd"
    ]


def pools(details: list[Object], usage: list[Object]) -> list[Object]:
    """The pools of `osd pool ls detail` with what `df` says of them."""
    stats = {pool["name"]: pool["stats"] for pool in usage}
    return [
        {
            "name": pool["pool_name"],
            "size": pool["size"],
            "min_size": pool["min_size"],
            "pg_num": pool["pg_num"],
            "stored": stats.get(pool["pool_name"], {}).get("stored", 0),
            "available": stats.get(pool["pool_name"], {}).get("max_avail", 0),
        }
        for pool in details
    ]


def managers(manager_map: Object) -> list[str]:
    """The active manager first, then those that stand by."""
    active = [manager_map["active_name"]] if manager_map["active_name"] else []
    return active + sorted(standby["name"] for standby in manager_map["standbys"])


def fenced(dump: Object) -> list[str]:
    """The addresses of `osd dump` of which all clients are blocklisted: how a node is fenced at the storage."""
    hosts = (entry.removesuffix(":0/0").strip("[]") for entry in dump["blocklist"] if entry.endswith(":0/0"))
    return sorted(hosts)


def to_dict(cluster: Cluster, ignore: Collection[str] = ()) -> Object:
    """Ask the monitors for everything, six commands in all."""
    status = cluster.command({"prefix": "status"})
    monitors = status["monmap"].get("mons") or cluster.command({"prefix": "mon dump"})["mons"]
    dump = cluster.command({"prefix": "osd dump"})
    destroyed = {osd["osd"] for osd in dump["osds"] if "destroyed" in osd["state"]}
    nodes = cluster.command({"prefix": "osd df", "output_method": "tree"}, manager=True)["nodes"]
    return {
        "fsid": status["fsid"],
        "health": status["health"]["status"],
        "healthy": is_healthy(status["health"], ignore),
        "checks": checks(status["health"]),
        "monitors": sorted(monitor["name"] for monitor in monitors),
        "quorum": sorted(status["quorum_names"]),
        "managers": managers(cluster.command({"prefix": "mgr dump"})),
        "osds": [osd | {"destroyed": osd["id"] in destroyed} for osd in osds(nodes)],
        "fenced": fenced(dump),
        "pools": pools(
            cluster.command({"prefix": "osd pool ls", "detail": "detail"}),
            cluster.command({"prefix": "df"})["pools"],
        ),
    }


def is_healthy(health: Object, ignore: Collection[str] = ()) -> bool:
    """Whether nothing is wrong, apart from checks that are ignored."""
    raised = [name for name, check in health["checks"].items() if not check.get("muted") and name not in ignore]
    return health["status"] == "HEALTH_OK" or not raised


def wait_for_health(cluster: Cluster, seconds: float, ignore: Collection[str] = ()) -> None:
    """Return when the cluster is healthy, or after `seconds`: the caller looks at what is then the case."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_healthy(cluster.command({"prefix": "health"}), ignore):
            return
        time.sleep(0.5)
