"""What an administrator sees of the cluster."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _health
from ansible_collections.cairn.hci.plugins.module_utils._status import ceph_problems, human, status, vm_problems

GIB = 1024**3


def ceph(**changes: Any) -> dict[str, Any]:
    return {
        "health": "HEALTH_OK",
        "checks": [],
        "monitors": ["node1", "node2"],
        "quorum": ["node1", "node2"],
        "managers": ["node2", "node1"],
        "osds": [{"id": 0, "host": "node1", "class": "ssd", "up": True, "in": True, "size": 8 * GIB, "used": GIB}],
        "fenced": [],
        "pools": [{"name": "vms", "size": 3, "min_size": 2, "pg_num": 32, "stored": GIB, "available": 7 * GIB}],
    } | changes


def facts(*domains: tuple[str, bool]) -> dict[str, Any]:
    found = [{"name": name, "active": active, "vcpus": 1, "memory": GIB} for name, active in domains]
    return {"cpus": 2, "memory": 16 * GIB, "domains": found}


def line(lines: list[str], start: str) -> str:
    return " ".join(next(text for text in lines if text.startswith(start)).split())


def test_a_healthy_cluster() -> None:
    lines = status({"node1": facts(("web1", True)), "node2": facts()}, ceph(), {"web1": "ssh debian@192.0.2.101"})
    assert lines[0] == "Ceph HEALTH_OK, 1 GiB of 8 GiB used"
    assert line(lines, "node1") == "node1 up 2 16 GiB in quorum standby 1/1 up 1/1 running"
    assert line(lines, "node2").endswith("active 0/0 up 0/0 running")
    assert line(lines, "vms") == "vms 3 (at least 2) 1 GiB 7 GiB"
    assert line(lines, "web1") == "web1 node1 running 1 1 GiB ssh debian@192.0.2.101"


def test_a_lost_node_shows() -> None:
    down = [{"id": 0, "host": "node1", "class": "ssd", "up": False, "in": True, "size": GIB, "used": 0}]
    broken = ceph(health="HEALTH_WARN", checks=["OSD_DOWN: 1 osds down"], quorum=["node2"], osds=down)
    lines = status({"node1": None, "node2": facts()}, broken, {"web1": "ssh debian@192.0.2.101"})
    assert "OSD_DOWN: 1 osds down" in lines
    assert line(lines, "node1") == "node1 DOES NOT ANSWER - - OUT OF QUORUM standby 0/1 up -"
    assert line(lines, "web1") == "web1 - UNKNOWN - - -"


def test_a_vm_that_no_node_has_shows() -> None:
    assert line(status({"node1": facts()}, ceph(), {"web1": "ssh web1"}), "web1") == "web1 - not running - - -"


def test_no_monitor_answers() -> None:
    assert status({"node1": facts()}, None, {})[0] == "Ceph DOES NOT ANSWER"


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({}, []),
        ({"health": "HEALTH_WARN", "checks": ["X: y"]}, ["Ceph says HEALTH_WARN.", "X: y"]),
        ({"quorum": ["node1"]}, ["The monitor of node2 is out of quorum."]),
        (
            {"osds": [{"id": 3, "host": "node2", "up": False}]},
            [
                "osd.3 on node2 is down: see 'journalctl -u ceph-osd@3' there, or, if its disk is gone for good, "
                "'ceph osd purge 3 --yes-i-really-mean-it'."
            ],
        ),
        (
            {"fenced": ["10.10.0.2", "10.10.0.9"]},
            [
                "node2 is fenced at the storage, so its guests can't write; lift it with 'systemctl restart pacemaker' "
                "there."
            ],
        ),
    ],
)
def test_ceph_problems(changes: dict[str, Any], sentences: list[str]) -> None:
    assert ceph_problems(ceph(**changes), {"node1": "10.10.0.1", "node2": "10.10.0.2"}) == sentences


def test_the_blocklist_that_fences_a_node() -> None:
    entries = dict.fromkeys(("10.10.0.2:0/0", "10.10.0.3:0/1234", "[fd00::4]:0/0"), "2036-01-01T00:00:00")
    assert _health.fenced({"blocklist": entries}) == ["10.10.0.2", "fd00::4"]


def domain(name: str, power: str = "running") -> dict[str, str]:
    return {"name": name, "power": power}


@pytest.mark.parametrize(
    ("vm", "domains", "sentences"),
    [
        ({}, {"node1": [domain("web1")]}, []),
        ({"power": None}, {"node1": [domain("web1", "stopped")]}, []),
        ({}, {"node1": []}, ["web1 is not defined on node1; it shall be running."]),
        ({"power": "stopped"}, {"node1": [domain("web1")]}, ["web1 is running on node1; it shall be stopped."]),
        (
            {},
            {"node1": [domain("web1")], "node2": [domain("web1")]},
            ["web1 is defined on node2 where it shall not be."],
        ),
        ({"state": "absent"}, {"node1": [domain("web1")]}, ["web1 is defined on node1 where it shall not be."]),
        ({"state": "absent"}, {"node1": []}, []),
        ({}, {"node2": [domain("another")]}, []),
    ],
)
def test_vm_problems(vm: dict[str, Any], domains: dict[str, Any], sentences: list[str]) -> None:
    wanted = {"web1": {"node": "node1", "state": "present", "power": "running"} | vm}
    assert vm_problems(wanted, domains) == sentences


@pytest.mark.parametrize(
    ("vm", "domains", "sentences"),
    [
        ({}, {"node1": [], "node2": [domain("web1")], "node3": []}, []),
        ({"power": "stopped"}, {"node1": [], "node2": [], "node3": []}, []),
        ({}, {"node1": [], "node2": [], "node3": []}, ["web1 is stopped; it shall be running."]),
        # Not all that may run it were asked.
        ({}, {"node1": []}, []),
        ({"power": "stopped"}, {"node2": [domain("web1")]}, ["web1 is running on node2; it shall be stopped."]),
        (
            {},
            {"node1": [domain("web1")], "node2": [domain("web1")]},
            ["web1 runs on node1, node2 at once; stop it on all but one of them."],
        ),
        (
            {},
            {"node1": [domain("web1")], "node2": [domain("web1", "stopped")]},
            ["web1 is defined on node2 where it shall not be."],
        ),
        (
            {"nodes": ["node1", "node2"]},
            {"node3": [domain("web1")]},
            ["web1 runs on node3; it may only on node1, node2."],
        ),
        ({"state": "absent"}, {"node3": [domain("web1")]}, ["web1 runs on node3; it shall not exist."]),
        ({"state": "absent", "nodes": []}, {"node3": []}, []),
    ],
)
def test_problems_of_a_vm_whose_node_the_cluster_chooses(
    vm: dict[str, Any], domains: dict[str, Any], sentences: list[str]
) -> None:
    nodes = ["node1", "node2", "node3"]
    wanted = {"web1": {"ha": True, "node": None, "nodes": nodes, "state": "present", "power": "running"} | vm}
    assert vm_problems(wanted, domains) == sentences


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1024, "1 KiB"), (8 * GIB, "8 GiB"), (5 * 1024**4, "5 TiB")])
def test_sizes_are_short(size: int, text: str) -> None:
    assert human(size) == text


def ha(**changes: Any) -> dict[str, Any]:
    resources = {
        "vm-web1": {"agent": "ocf:cairn:vm", "role": "Started", "nodes": ["node2"], "blocked": False, "pending": None},
        "fence-bmc-node1": {
            "agent": "stonith:fence_ipmilan",
            "role": "Started",
            "nodes": ["node2"],
            "blocked": False,
            "pending": None,
        },
    }
    nodes = {"node1": {"online": True, "standby": True}, "node2": {"online": True}}
    return {"quorum": True, "busy": False, "nodes": nodes, "resources": resources, "failures": {}} | changes


def test_what_pacemaker_knows() -> None:
    lines = status({"node1": facts(), "node2": facts(("web1", True))}, ceph(), {"web1": "ssh web1"}, ha())
    assert "Pacemaker has a quorum, at rest" in lines
    assert line(lines, "node1").startswith("node1 drained 2")
    assert line(lines, "node2").startswith("node2 online 2")
    assert line(lines, "web1") == "web1 node2 running 1 1 GiB node2 ssh web1"
    assert line(lines, "fence-bmc-node1") == "fence-bmc-node1 fence_ipmilan works node2"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"online": True, "unclean": True}, "TO BE FENCED"),
        ({"online": True, "maintenance": True}, "in maintenance"),
        ({"online": False}, "OFFLINE"),
        (None, "OFFLINE"),
    ],
)
def test_what_a_node_is_for_pacemaker(state: dict[str, bool] | None, text: str) -> None:
    told = ha(nodes={"node1": state} if state else {}, quorum=False, failures={"vm-web1": "start on node1: no disk"})
    lines = status({"node1": facts()}, ceph(), {}, told)
    assert line(lines, "node1").startswith(f"node1 {text} 2")
    assert lines[2:4] == ["Pacemaker has NO QUORUM", "vm-web1 failed: start on node1: no disk"]


def test_a_vm_that_moves_shows() -> None:
    moving = {"role": "Started", "nodes": ["node1"], "blocked": False, "pending": "Migrating", "agent": "ocf:cairn:vm"}
    lines = status({"node1": facts(("web1", True))}, ceph(), {"web1": "-"}, ha(resources={"vm-web1": moving}))
    assert "node1 (Migrating)" in line(lines, "web1")
