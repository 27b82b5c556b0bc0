# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is a Ceph cluster already, so that a run can never make a second one. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch
from typing import TypeAlias

from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

Reports: TypeAlias = "Mapping[str, Object | None]"


def consented(osd: Object, patterns: list[str]) -> bool:
    """Whether the device of an OSD is named in ceph_osd_wipe, by its name or one of its links."""
    return any(fnmatch(name, pattern) for name in (osd["device"], *osd.get("links", [])) for pattern in patterns)


def identities(node: str, report: Object) -> list[tuple[str, str]]:
    """Each cluster that the node knows of: its fsid, and where it says so."""
    found = []
    if report["mon_fsid"]:
        found.append((report["mon_fsid"], f"monitor of {node}"))
    elif report["fsid"] and (report["ours"] or report["mon_store"]):
        found.append((report["fsid"], f"ceph.conf of {node}"))
    if report["mon_fsid"] and report["fsid"] not in (None, report["mon_fsid"]):
        found.append((report["fsid"], f"ceph.conf of {node}"))
    return found


def clusters(seen: list[tuple[str, str]]) -> str:
    """The clusters, each with who is of it."""
    places: dict[str, list[str]] = {}
    for fsid, place in seen:
        places.setdefault(fsid, []).append(place)
    return "; ".join(f"{fsid} ({', '.join(where)})" for fsid, where in places.items())


def foreign(node: str, report: Object, fsids: set[str]) -> str | None:
    """The complaint about a ceph.conf that is not ours and of another cluster."""
    if not report["fsid"] or report["ours"] or report["mon_store"] or report["fsid"] in fsids:
        return None
    return (
        f"{node}: /etc/ceph/ceph.conf belongs to the cluster {report['fsid']} "
        f"(monitors {', '.join(report['monitors'])}); move it away if this node shall leave that cluster, or take "
        "the node out of the inventory."
    )


def orphans(reports: Reports, wipe: Mapping[str, list[str]]) -> list[str]:
    """The complaints about OSDs where no monitor has a store: their cluster has to be repaired, not made anew."""
    return [
        f"{node}: {osd['device']} holds osd.{osd['id']} of the cluster {osd['ceph_fsid']}, but no node has a store of "
        "its monitors; restore a monitor, or name the device in ceph_osd_wipe if its data may be lost."
        for node, report in reports.items()
        if report
        for osd in report["osds"]
        if not consented(osd, wipe.get(node, []))
    ]


def silent(reports: Reports) -> list[str]:
    """The complaints about nodes that can't be asked while a cluster would be made."""
    return [
        f"{node} can't be asked whether it is part of a Ceph cluster; one is made only when every node has answered."
        for node, report in reports.items()
        if report is None
    ]


def preference(report: Object) -> int:
    """How good a node is to ask: in quorum, running, stopped."""
    if report["mon_state"] in ("leader", "peon"):
        return 0
    return 1 if report["mon_running"] else 2


def decide(reports: Reports, monitors: list[str], wipe: Mapping[str, list[str]], new_fsid: str) -> Object:
    """Return the cluster that the nodes are to be part of.

    `reports` has :func:`_ceph_node.report` of every node of the inventory, None for a node that could not be asked.
    `wipe` has ceph_osd_wipe by node. The result: `fsid`; `exists`, whether any monitor has a store; `seed`, the node
    whose monitor is asked for the others' key and map; `new_monitors`, the nodes of `monitors` without a store.

    Raise ResourceError where the nodes are of different clusters, or a cluster would be made beside one that is lost.
    """
    known = {node: report for node, report in reports.items() if report}
    stores = {node: report for node, report in known.items() if report["mon_store"]}
    seen = [identity for node, report in known.items() for identity in identities(node, report)]
    fsids = {fsid for fsid, _place in seen}
    problems = [problem for node, report in known.items() if (problem := foreign(node, report, fsids))]
    if len(fsids) > 1:
        problems.append(
            f"The nodes are of different Ceph clusters: {clusters(seen)}. Move the wrong ceph.conf away, or take "
            "the other cluster's nodes out of the inventory."
        )
    if not stores:
        problems += silent(reports) + orphans(known, wipe)
    if problems:
        raise ResourceError("\n".join(problems))
    ranked = sorted(stores, key=lambda node: (preference(stores[node]), node not in monitors, node))
    return {
        "fsid": next(iter(fsids), new_fsid),
        "exists": bool(stores),
        "seed": ranked[0] if ranked else monitors[0],
        "new_monitors": [node for node in monitors if node not in stores],
    }
