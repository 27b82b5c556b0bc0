"""Whether a run joins a cluster, makes one, or stops: the rule that there is never a second one."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._ceph_cluster import decide
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError
from hypothesis import given
from hypothesis import strategies as st

NEW, OLD, OTHER = "new-fsid", "old-fsid", "other-fsid"
NODES = ("node1", "node2", "node3", "node4")
MONITORS = list(NODES[:3])


def report(**found: Any) -> dict[str, Any]:
    """What a bare node reports, with what was found on it."""
    bare: dict[str, Any] = {
        "fsid": None,
        "ours": False,
        "monitors": [],
        "mon_store": None,
        "mon_running": False,
        "mon_fsid": None,
    }
    return {**bare, "mon_state": None, "mon_names": [], "osds": [], "device_mapper": True, **found}


def monitor(name: str, state: str | None = "peon", fsid: str = OLD) -> dict[str, Any]:
    """The report of a node with a monitor; no state: it is stopped."""
    running = {"mon_running": True, "mon_fsid": fsid, "mon_state": state} if state else {}
    return report(fsid=fsid, ours=True, mon_store=name, **running)


OSD = {"device": "/dev/sdb", "links": ["/dev/disk/by-id/ata-x"], "ceph_fsid": OLD, "osd_uuid": "u", "id": 3}

OUTCOMES = [
    pytest.param({}, NEW, False, "node1", MONITORS, id="bare nodes: a new cluster"),
    pytest.param(
        {"node2": report(fsid=OLD, ours=True)}, OLD, False, "node1", MONITORS, id="interrupted after one ceph.conf"
    ),
    pytest.param(
        {"node1": monitor("node1", None)}, OLD, True, "node1", ["node2", "node3"], id="interrupted after one store"
    ),
    pytest.param(
        {"node2": monitor("node2"), "node3": monitor("node3", "leader")},
        OLD,
        True,
        "node2",
        ["node1"],
        id="first node installed anew",
    ),
    pytest.param(
        {"node1": monitor("node1", None), "node2": monitor("node2", "probing"), "node3": monitor("node3")},
        OLD,
        True,
        "node3",
        [],
        id="the one in quorum is asked",
    ),
    pytest.param(
        {"node4": monitor("node4", "leader"), "node1": None}, OLD, True, "node4", MONITORS, id="monitor elsewhere"
    ),
    pytest.param(
        {"node1": monitor("node1"), "node4": report(osds=[OSD | {"ceph_fsid": OTHER}])},
        OLD,
        True,
        "node1",
        ["node2", "node3"],
        id="an OSD of another cluster is for ceph_osd to refuse",
    ),
]


@pytest.mark.parametrize(("found", "fsid", "exists", "seed", "new"), OUTCOMES)
def test_what_is_there_is_joined(found: dict[str, Any], fsid: str, exists: bool, seed: str, new: list[str]) -> None:
    reports = {name: report() for name in NODES} | found
    decision = decide(reports, MONITORS, {}, NEW)
    assert decision == {"fsid": fsid, "exists": exists, "seed": seed, "new_monitors": new}


REFUSALS = [
    pytest.param({"node4": None}, {}, "node4 can't be asked", id="a node outside does not answer"),
    pytest.param(
        {"node1": monitor("node1"), "node2": monitor("node2", fsid=OTHER)}, {}, "different Ceph clusters", id="two"
    ),
    pytest.param(
        {"node1": monitor("node1"), "node2": report(fsid=OTHER, ours=True)}, {}, "different Ceph clusters", id="conf"
    ),
    pytest.param(
        {"node2": report(fsid=OTHER, monitors=["192.0.2.9"])},
        {},
        r"belongs to the cluster other-fsid \(monitors 192",
        id="foreign",
    ),
    pytest.param({"node2": report(osds=[OSD])}, {}, "restore a monitor", id="all monitors lost"),
    pytest.param({"node2": report(osds=[OSD])}, {"node3": ["/dev/sdb"]}, "restore a monitor", id="consent elsewhere"),
]


@pytest.mark.parametrize(("found", "wipe", "message"), REFUSALS)
def test_what_would_be_a_second_cluster_is_refused(
    found: dict[str, Any], wipe: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(ResourceError, match=message):
        decide({name: report() for name in NODES} | found, MONITORS, wipe, NEW)


@pytest.mark.parametrize("pattern", ["/dev/sdb", "/dev/disk/by-id/ata-*"])
def test_osds_that_may_be_lost_do_not_hold_up_a_new_cluster(pattern: str) -> None:
    reports = {name: report() for name in NODES} | {"node2": report(osds=[OSD])}
    assert decide(reports, MONITORS, {"node2": [pattern]}, NEW)["fsid"] == NEW


STATES = st.sampled_from([None, "leader", "peon", "probing"])
REPORTS = st.one_of(
    st.none(),
    st.builds(report),
    st.builds(lambda: report(fsid=OLD, ours=True)),
    st.builds(lambda: report(osds=[OSD])),
    st.builds(lambda state: monitor("any", state), STATES),
)


@given(st.fixed_dictionaries(dict.fromkeys(NODES, REPORTS)))
def test_a_new_cluster_needs_that_nobody_knows_of_one(reports: dict[str, Any]) -> None:
    try:
        decision = decide(reports, MONITORS, {}, NEW)
    except ResourceError:
        return
    traces = [found for found in reports.values() if found and (found["fsid"] or found["mon_store"] or found["osds"])]
    assert decision["fsid"] == (NEW if not traces else OLD)
    if not decision["exists"]:
        assert None not in reports.values()
        assert not any(found["osds"] for found in reports.values())
