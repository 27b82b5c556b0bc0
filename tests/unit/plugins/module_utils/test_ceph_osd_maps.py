"""Taking OSDs out of a cluster: what is refused, what is done, and how far it is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_osd_make, _lvm
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_progress as progress
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_room as room
from ansible_collections.cairn.hci.plugins.module_utils._ceph_osd_daemons import CephOsdDaemon
from ansible_collections.cairn.hci.plugins.module_utils._ceph_osd_maps import CephOsdMap, available, read
from ansible_collections.cairn.hci.plugins.module_utils._ceph_purge import CephPurge
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

GIB = 1 << 30
CONNECTION = {"conf": "/none", "client": "client.admin", "keyring": None, "timeout": 1}


def crush(kind: str, **hosts: list[int]) -> dict[str, Any]:
    """A map with one rule, and the OSDs of each host."""
    buckets: list[dict[str, Any]] = [
        {"id": -2 - n, "name": name, "type_name": "host", "items": [{"id": osd} for osd in osds]}
        for n, (name, osds) in enumerate(hosts.items())
    ]
    root = {"id": -1, "name": "default", "type_name": "root", "items": [{"id": bucket["id"]} for bucket in buckets]}
    steps = [{"op": "take", "item": -1}, {"op": "chooseleaf_firstn", "num": 0, "type": kind}, {"op": "emit"}]
    return {"buckets": [root, *buckets], "rules": [{"rule_id": 0, "steps": steps}]}


def osds(*used: int, size: int = 10) -> dict[int, dict[str, Any]]:
    """OSDs that use so many GiB."""
    return {n: {"up": True, "in": True, "size": size * GIB, "used": gib * GIB} for n, gib in enumerate(used)}


def pool(size: int) -> list[dict[str, Any]]:
    return [{"pool_name": "vms", "size": size, "crush_rule": 0}]


THREE = crush("host", node1=[0], node2=[1], node3=[2])
PAIRS = crush("host", node1=[0, 1], node2=[2, 3], node3=[4, 5])
FLAT = crush("osd", node1=[0, 1, 2])
ROOM = [
    pytest.param({0}, osds(1, 1, 1), pool(3), THREE, "keeps 3 copies on different hosts.* 2 hosts with", id="a host"),
    pytest.param({0}, osds(1, 1, 1), pool(2), THREE, None, id="a host more than copies"),
    pytest.param({0}, osds(*[4] * 6), pool(3), PAIRS, None, id="the other disk of the host takes it"),
    pytest.param(
        {0}, osds(*[5] * 6), pool(3), PAIRS, "osd.0 does not fit.*osd.1 would have 10 GiB, and may", id="too full"
    ),
    pytest.param({0, 1}, osds(*[1] * 6), pool(3), PAIRS, "without osd.0, osd.1 there are 2 hosts", id="both disks"),
    pytest.param({0}, osds(*[5] * 6), pool(2), PAIRS, None, id="all the others share it"),
    pytest.param({0}, osds(*[8] * 6), pool(2), PAIRS, "does not fit on the others", id="all too full"),
    pytest.param({0}, osds(1, 1, 1), pool(2), FLAT, None, id="copies on one host"),
    pytest.param({0}, osds(1, 1, 1), pool(3), FLAT, "different osds, .* 2 OSDs", id="copies on one host, too few"),
    pytest.param(
        {0}, osds(*[1] * 6) | {1: {"up": False, "in": True, "size": GIB, "used": 0}}, pool(3), PAIRS, "2 hosts"
    ),
    pytest.param({7}, osds(1, 1, 1), pool(3), THREE, None, id="one that holds nothing"),
]


@pytest.mark.parametrize(("gone", "there", "pools", "tree", "message"), ROOM)
def test_whether_the_others_can_take_it(
    gone: set[int], there: dict[int, Any], pools: list[Any], tree: dict[str, Any], message: str | None
) -> None:
    found = room.obstacle(gone, there, pools, tree)
    assert found is None if message is None else found and re.search(message, found)


OSD: dict[str, Any] = {"id": 3, "in": True, "destroyed": False, "safe": True, "dispensable": False, "obstacle": None}
OSD |= {"weight": 0.01, "size": int(0.01 * (1 << 40)), "up": True, "replacing": False}
WANTED = {"id": 3, "in": None, "by_size": None, "replacing": None, "state": "present"}
PLANS = [
    pytest.param(OSD, WANTED, {}, id="nothing asked"),
    pytest.param(OSD, WANTED | {"in": False}, {"in": False}, id="out"),
    pytest.param(OSD | {"in": False}, WANTED | {"in": False}, {}, id="out already"),
    pytest.param(OSD | {"obstacle": "full", "in": False}, WANTED | {"in": True}, {"in": True}, id="in"),
    pytest.param(OSD | {"obstacle": "full", "in": False}, WANTED | {"in": False}, {}, id="out and empty"),
    pytest.param(OSD | {"replacing": True}, WANTED | {"replacing": False}, {"replacing": False}, id="done"),
    pytest.param(OSD, WANTED | {"replacing": False}, {}, id="done already"),
    pytest.param(OSD, WANTED | {"by_size": True}, {}, id="weight"),
    pytest.param(OSD | {"weight": 0.02}, WANTED | {"by_size": True}, {"weight": 0.01}, id="a smaller disk"),
    pytest.param(OSD, WANTED | {"state": "destroyed"}, {"destroyed": True}, id="destroy"),
    pytest.param(OSD | {"destroyed": True, "safe": False}, WANTED | {"state": "destroyed"}, {}, id="destroyed"),
    pytest.param(
        OSD | {"safe": False, "dispensable": True}, WANTED | {"state": "destroyed"}, {"destroyed": True}, id="dead"
    ),
    pytest.param(OSD, WANTED | {"state": "absent"}, {"state": "absent"}, id="purge"),
    pytest.param(None, WANTED | {"state": "absent"}, {}, id="purged"),
]


@pytest.mark.parametrize(("current", "wanted", "after"), PLANS)
def test_plan_of_an_osd_in_the_map(
    current: dict[str, Any] | None, wanted: dict[str, Any], after: dict[str, Any]
) -> None:
    changes = CephOsdMap(CONNECTION).plan(current, wanted)
    assert {change.field: change.after for change in changes} == after


REFUSALS = [
    pytest.param(OSD | {"obstacle": "no room"}, WANTED | {"in": False}, "no room", id="no room"),
    pytest.param(
        OSD | {"obstacle": "too full", "in": False, "safe": False},
        WANTED | {"in": False},
        "too full",
        id="out for ever",
    ),
    pytest.param(OSD | {"safe": False}, WANTED | {"state": "destroyed"}, "osd.3 may hold the last copy", id="needed"),
    pytest.param(OSD | {"safe": False, "dispensable": True}, WANTED | {"state": "absent"}, "may hold", id="not clean"),
]


@pytest.mark.parametrize(("current", "wanted", "message"), REFUSALS)
def test_what_is_not_taken_out(current: dict[str, Any], wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        CephOsdMap(CONNECTION).plan(current, wanted)


def test_an_osd_that_is_not_there_is_said() -> None:
    with pytest.raises(ResourceError, match=r"There is no osd\.3 in this cluster"):
        CephOsdMap(CONNECTION).normalise(WANTED, None)


class Monitors:
    """What is asked of a cluster with one OSD, whose uuid is `new`."""

    def __init__(self, keys: dict[str, str]) -> None:
        self.keys = keys
        self.asked: list[str] = []

    def command(self, command: dict[str, Any], *, manager: bool = False) -> Any:
        self.asked.append(command["prefix"])
        osd = {"osd": 3, "uuid": "new", "up": 1, "in": 1, "state": ["exists", "up"]}
        answers = {"osd df": {"nodes": []}, "osd dump": {"osds": [osd]}, "config-key dump": self.keys}
        return answers.get(command["prefix"])


@pytest.mark.parametrize(
    ("keys", "replacing"), [({}, False), ({"cairn/replacing/3": "old"}, True), ({"cairn/replacing/3": "new"}, False)]
)
def test_an_unfinished_replacement_is_known(keys: dict[str, str], replacing: bool) -> None:
    cluster: Any = Monitors(keys)
    assert read(cluster)[3]["replacing"] is replacing


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        ("destroyed", ["config-key set", "osd down", "osd destroy"]),
        ("absent", ["config-key rm", "osd down", "osd purge"]),
    ],
)
def test_a_replacement_is_noted_before_it_begins(state: str, asked: list[str]) -> None:
    resource = CephOsdMap(CONNECTION)
    cluster: Any = Monitors({})
    resource.cluster = cluster
    resource.apply(OSD | {"uuid": "old"}, WANTED | {"state": state}, [])
    assert cluster.asked == asked


STATES = [
    pytest.param([("active+clean", 3)], 3, True, id="clean"),
    pytest.param([("active+undersized+degraded", 2), ("active+clean", 1)], 3, True, id="fewer copies"),
    pytest.param([("active+clean", 2), ("down", 1)], 3, False, id="down"),
    pytest.param([("active+clean", 2), ("peering", 1)], 3, False, id="peering"),
    pytest.param([("undersized+degraded+peered", 3)], 3, False, id="below min_size"),
    pytest.param([("stale+active+clean", 3)], 3, False, id="nobody has told of it"),
    pytest.param([("active+clean", 2)], 3, False, id="unknown"),
]


@pytest.mark.parametrize(("states", "total", "whole"), STATES)
def test_whether_all_data_can_be_had(states: list[tuple[str, int]], total: int, whole: bool) -> None:
    found = [{"state_name": name, "count": count} for name, count in states]
    assert available({"pgmap": {"num_pgs": total, "pgs_by_state": found}}) is whole


def test_unfound_objects_are_not_available() -> None:
    pgmap = {"num_pgs": 1, "pgs_by_state": [{"state_name": "active", "count": 1}], "unfound_objects": 2}
    assert not available({"pgmap": pgmap})


def test_how_far_the_data_is() -> None:
    pgmap = {"misplaced_ratio": 0.084, "recovering_bytes_per_sec": 10 << 20}
    left = progress.emptied([3, 4], [4], {3: 12}, pgmap)
    assert left["line"] == "osd.3: 12 placement groups left, 8.4 % of the data is misplaced, 10 MiB/s"
    assert not left["done"]
    assert progress.emptied([3], [3], {}, {})["done"]


def test_how_healthy_it_is() -> None:
    check = {"PG_DEGRADED": {"summary": {"message": "Degraded data redundancy"}}}
    status = {"health": {"status": "HEALTH_WARN", "checks": check}, "pgmap": {"degraded_ratio": 0.5}}
    assert progress.healthy(status, [])["line"] == "50.0 % of the data is degraded"
    assert "PG_DEGRADED: Degraded data redundancy" in progress.healthy(status, [])["problem"]
    assert progress.healthy(status, ["PG_DEGRADED"])["done"]


HERE: dict[str, Any] = {"id": 3, "uuids": ["u"], "running": True, "enabled": True, "directory": True}
HERE |= {"data": ["/dev/sdb"], "db": ["/dev/sdc"], "encrypted": False}
STOPPED = HERE | {"running": False, "enabled": False, "directory": False}
GONE = {"id": 3, "running": None, "wipe": "nothing", "state": "absent"}
DAEMONS = [
    pytest.param(HERE, GONE | {"state": "present", "running": False}, {"running": False}, id="stop"),
    pytest.param(STOPPED, GONE | {"state": "present", "running": False}, {}, id="stopped"),
    pytest.param(None, GONE | {"state": "present", "running": False}, {}, id="of another node"),
    pytest.param(HERE, GONE, {"state": "absent"}, id="take away"),
    pytest.param(STOPPED, GONE, {}, id="taken away, its data left"),
    pytest.param(STOPPED, GONE | {"wipe": "db"}, {"state": "absent"}, id="its database"),
    pytest.param(STOPPED | {"db": []}, GONE | {"wipe": "db"}, {}, id="no database"),
    pytest.param(STOPPED | {"db": []}, GONE | {"wipe": "all"}, {"state": "absent"}, id="its data"),
    pytest.param(None, GONE, {}, id="nothing there"),
]


@pytest.mark.parametrize(("current", "wanted", "after"), DAEMONS)
def test_plan_of_what_a_node_has(current: dict[str, Any] | None, wanted: dict[str, Any], after: dict[str, Any]) -> None:
    changes = CephOsdDaemon(CONNECTION).plan(current, wanted)
    assert {change.field: change.after for change in changes} == after


@pytest.mark.parametrize(
    ("up", "wanted", "message"),
    [
        (False, GONE | {"wipe": "db"}, r"osd\.3 is still in the cluster's map"),
        (True, GONE | {"wipe": "all"}, r"osd\.3 is still in the cluster's map"),
        (True, GONE, r"osd\.3 is up; stop it first"),
    ],
)
def test_what_the_cluster_still_has_is_not_taken_away(up: bool, wanted: dict[str, Any], message: str) -> None:
    resource = CephOsdDaemon(CONNECTION)
    resource.known = {"u": {"id": 3, "up": up}}
    with pytest.raises(ResourceError, match=message):
        resource.plan(HERE, wanted)


def test_an_osd_that_goes_to_another_host_is_let_go() -> None:
    resource = CephOsdDaemon(CONNECTION)
    resource.known = {"u": {"id": 3, "up": False}}
    assert [change.field for change in resource.plan(HERE, GONE)] == ["state"]


@pytest.mark.parametrize(
    ("tags", "emptied", "removed"),
    [
        ([{"ceph.cluster_fsid": "f"}, {"ceph.cluster_fsid": "f"}], 1, []),
        ([{"ceph.cluster_fsid": "f"}, {}], 0, ["v0"]),
        ([{"ceph.cluster_fsid": "f"}, {"ceph.cluster_fsid": "other"}], 0, ["v0"]),
    ],
    ids=["all are the cluster's", "a system beside it", "another cluster beside it"],
)
def test_of_a_disk_only_what_is_the_clusters_is_erased(
    monkeypatch: pytest.MonkeyPatch, tags: list[dict[str, str]], emptied: int, removed: list[str]
) -> None:
    disks: list[Any] = []
    volumes: list[str] = []
    monkeypatch.setattr(_ceph_osd_make, "empty", disks.append)
    monkeypatch.setattr(_lvm, "remove_volume", lambda volume: volumes.append(volume["name"]))
    there = [{"name": f"v{n}", "group": "debian-vg", "tags": tag, "label": None} for n, tag in enumerate(tags)]
    CephPurge({}).empty({"lvm": {"volumes": there}}, "f")
    assert (len(disks), volumes) == (emptied, removed)
