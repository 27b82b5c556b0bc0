# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OSDs as a cluster's map has them: in or out, destroyed or gone.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.cairn.hci.plugins.module_utils import _ceph_room
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource, Cluster, CommandError
from ansible_collections.cairn.hci.plugins.module_utils._health import osds as with_hosts
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError, remove

TIB = 1 << 40
# A weight that differs by less is that of the disk's size.
SLACK = 0.01
# Where the cluster keeps which OSDs were destroyed for a new disk, by their uuids, until all is done.
REPLACING = "cairn/replacing/"


def to_dict(osd: Object, usage: Object, node: Object) -> Object:
    """An OSD of `osd dump`, with what `osd df tree` says of it."""
    size = usage.get("size", 0)
    return {
        "id": osd["osd"],
        "uuid": osd["uuid"],
        "host": usage.get("host"),
        "class": usage.get("class") or None,
        "up": bool(osd["up"]),
        "in": bool(osd["in"]),
        "destroyed": "destroyed" in osd["state"],
        "new": "new" in osd["state"],
        "weight": node.get("crush_weight", 0.0),
        "size": size,
        "used": usage.get("used", 0),
        "groups": node.get("pgs", 0),
    }


def read(cluster: Cluster) -> dict[int, Object]:
    """All OSDs of the map, by id."""
    nodes = cluster.command({"prefix": "osd df", "output_method": "tree"}, manager=True)
    listed = [*nodes["nodes"], *nodes.get("stray", [])]
    by_id = {node["id"]: node for node in listed if node["type"] == "osd"}
    usage = {osd["id"]: osd for osd in with_hosts(listed)}
    dump = cluster.command({"prefix": "osd dump"})
    old = cluster.command({"prefix": "config-key dump", "key": REPLACING}) or {}
    found = [to_dict(osd, usage.get(osd["osd"], {}), by_id.get(osd["osd"], {})) for osd in dump["osds"]]
    return {
        osd["id"]: osd | {"replacing": old.get(f"{REPLACING}{osd['id']}", osd["uuid"]) != osd["uuid"]} for osd in found
    }


def answered(cluster: Cluster, prefix: str, ids: Iterable[int]) -> Object:
    """What the manager says of OSDs; empty where it refuses, for that is its way to say no."""
    try:
        return cluster.command({"prefix": prefix, "ids": [str(ident) for ident in ids]}, manager=True) or {}
    except CommandError:
        return {}


def available(status: Object) -> bool:
    """Whether the data of all placement groups can be had from the OSDs that are up."""
    states = {word for entry in status["pgmap"].get("pgs_by_state", []) for word in entry["state_name"].split("+")}
    active = sum(e["count"] for e in status["pgmap"].get("pgs_by_state", []) if "active" in e["state_name"].split("+"))
    whole = active == status["pgmap"]["num_pgs"] and not status["pgmap"].get("unfound_objects")
    return whole and not states & {"incomplete", "down", "stale", "unknown", "peering"}


def judge(cluster: Cluster, ids: Iterable[int], osds: dict[int, Object]) -> Object:
    """What may be done with some OSDs at once.

    `safe`: no data is lost with them. `stoppable`: the others can go on without them. `dispensable`: they are down, and
    all data can be had without them. `obstacle`: why their data can't go elsewhere, or None.
    """
    there = [ident for ident in ids if ident in osds]
    safe = set(answered(cluster, "osd safe-to-destroy", there).get("safe_to_destroy", []))
    down = not any(osds[ident]["up"] for ident in there)
    pools = cluster.command({"prefix": "osd pool ls", "detail": "detail"})
    crush = cluster.command({"prefix": "osd crush dump"})
    ratio = cluster.command({"prefix": "osd dump"}).get("nearfull_ratio", 0.85)
    return {
        "safe": set(there) <= safe,
        "stoppable": down or bool(answered(cluster, "osd ok-to-stop", there).get("ok_to_stop")),
        "dispensable": down and available(cluster.command({"prefix": "status"})),
        "obstacle": _ceph_room.obstacle(set(there), osds, pools, crush, ratio),
    }


class CephOsdMap(CephResource):
    """One object is one OSD, by its id."""

    plural = "osds"
    key = "id"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the OSDs by id. What may be done is asked for all that the task names at once."""
        osds = read(self.cluster)
        ids = set(osds) if wanted is None else {int(item["id"]) for item in wanted} & set(osds)
        judged = judge(self.cluster, ids, osds) if wanted else {}
        return {str(ident): osds[ident] | judged for ident in sorted(ids)}

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """A weight that is nearly that of the size is it."""
        if wanted["state"] != "present":
            return wanted | {"in": None, "by_size": None, "replacing": None}
        if current is None:
            raise ResourceError(f"There is no osd.{wanted['id']} in this cluster; see 'ceph osd tree'.")
        return wanted

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """In and out, destroy, purge. Raise ResourceError where data would be lost, or could not go elsewhere."""
        if current is None:
            return []
        if wanted["state"] == "absent":
            self.check(current, current["safe"])
            return remove()
        if wanted["state"] == "destroyed":
            if current["destroyed"]:
                return []
            self.check(current, current["safe"] or current["dispensable"])
            return [Change("destroyed", False, True)]
        # One that is out already may wait for room for ever.
        if wanted["in"] is False and current["obstacle"] and (current["in"] or not current["safe"]):
            raise ResourceError(current["obstacle"])
        changes = []
        if wanted["replacing"] is False and current["replacing"]:
            changes.append(Change("replacing", True, False))
        if wanted["in"] is not None and wanted["in"] != current["in"]:
            changes.append(Change("in", current["in"], wanted["in"]))
        weight = current["size"] / TIB
        if wanted["by_size"] and abs(current["weight"] - weight) > SLACK * weight:
            changes.append(Change("weight", current["weight"], round(weight, 5)))
        return changes

    def check(self, osd: Object, harmless: bool) -> None:
        """Raise ResourceError for an OSD that is needed."""
        if not harmless:
            raise ResourceError(
                f"osd.{osd['id']} may hold the last copy of something, and stays. See 'ceph health detail'; wait until "
                "its data is elsewhere, or bring the other OSDs up first."
            )

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Carry out the plan of one OSD."""
        found, ident = current or {}, int(wanted["id"])
        names, key = [str(ident)], f"{REPLACING}{ident}"
        if wanted["state"] == "destroyed":
            self.cluster.command({"prefix": "config-key set", "key": key, "val": found["uuid"]})
        if wanted["state"] == "absent":
            self.cluster.command({"prefix": "config-key rm", "key": key})
        if wanted["state"] in ("absent", "destroyed"):
            verb = "purge" if wanted["state"] == "absent" else "destroy"
            self.cluster.command({"prefix": "osd down", "ids": names})
            # The manager takes no OSD that is down for safe while another one is not clean: that was looked at before.
            consent = {"yes_i_really_mean_it": True} | ({} if found["safe"] else {"force": True})
            self.cluster.command({"prefix": f"osd {verb}", "id": ident, **consent}, manager=True)
        for change in changes:
            if change.field == "weight":
                reweight = {"prefix": "osd crush reweight", "name": f"osd.{ident}", "weight": change.after}
                self.cluster.command(reweight)
            elif change.field == "replacing":
                self.cluster.command({"prefix": "config-key rm", "key": key})
            elif change.field == "in":
                self.cluster.command({"prefix": f"osd {'in' if change.after else 'out'}", "ids": names})
