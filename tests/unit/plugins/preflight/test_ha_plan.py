"""The plan of high availability, and the VMs whose node the cluster chooses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.cairn.hci.plugins.module_utils import _ha_plan, _plan_text
from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine
from ansible_collections.cairn.hci.plugins.modules import domain as domain_module

from .conftest import GIB

Plan = Callable[[], dict[str, Any]]
EXTRA = {
    "apart",
    "apart_by",
    "affinity_strict",
    "guest_shutdown",
    "nodes",
    "prefer",
    "priority",
    "start_after",
    "together",
}


def domain(name: str, *, active: bool = True, memory: int = GIB) -> dict[str, Any]:
    """A domain as node_info reports it."""
    return {"name": name, "uuid": "", "memory": memory, "vcpus": 2, "active": active}


def test_without_it_there_is_no_plan(plan: Plan) -> None:
    made = plan()
    assert (made["ha"], made["ha_vms"], made["ha_released"]) == (None, [], ["web1", "db1"])


@pytest.mark.usefixtures("cluster")
def test_members_and_room(plan: Plan) -> None:
    ha = plan()["ha"]
    assert ha["members"] == [
        {"name": f"node{n}", "id": n, "addresses": [f"10.10.0.{n}", f"192.0.2.1{n}"], "remote": False}
        for n in (1, 2, 3)
    ]
    assert ha["remotes"] == []
    # 32 GiB, less 2 GiB for the host and 4 GiB for the OSD; 8 cores, 4 vcpus on each.
    assert ha["capacity"]["node1"] == {"memory": 26 * 1024, "vcpus": 32}
    assert ha["domains"] == {name: name for name in ("node1", "node2", "node3")}
    assert (ha["token"], ha["migrations"], ha["migration_network"], ha["ipc_limit"]) == (1000, 2, "storage", 500)


def test_one_network_is_one_link(cluster: Any, plan: Plan) -> None:
    del cluster.nodes["network_storage"]
    assert plan()["ha"]["members"][0]["addresses"] == ["192.0.2.11"]


@pytest.mark.usefixtures("cluster")
def test_a_password_is_nowhere_in_the_plan(plan: Plan) -> None:
    made = plan()
    assert "S3cret" not in json.dumps(made)
    bmc = next(one for one in made["ha"]["devices"] if one["id"] == "fence-bmc-node2")
    assert bmc["agent"] == "fence_ipmilan"
    assert bmc["parameters"]["password_script"] == "/etc/pacemaker/cairn/bmc-node2"


@pytest.mark.parametrize(
    ("having", "storage", "levels"),
    [
        ("bmc watchdog", "with", [["fence-storage", "fence-bmc-node1"], ["fence-storage", "watchdog"]]),
        ("bmc", "with", [["fence-storage", "fence-bmc-node1"]]),
        ("bmc", "alone", [["fence-storage", "fence-bmc-node1"], ["fence-storage"]]),
        ("watchdog", "alone", [["fence-storage", "watchdog"]]),
        ("", "alone", [["fence-storage"]]),
    ],
)
def test_levels(cluster: Any, plan: Plan, having: str, storage: str, levels: list[list[str]]) -> None:
    cluster.nodes["ha_storage_fencing"] = storage
    if "bmc" not in having:
        del cluster.hosts["node1"]["ha_bmc"]
    if "watchdog" not in having:
        cluster.facts["node1"]["ha"]["watchdogs"] = []
    ha = plan()["ha"]
    assert ha["levels"]["node1"] == levels
    watched = next(one["parameters"]["pcmk_host_list"] for one in ha["devices"] if one["id"] == "watchdog")
    assert watched.split() == (["node1"] if "watchdog" in having else []) + ["node2", "node3"]


def test_without_fencing_there_are_no_devices(cluster: Any, plan: Plan) -> None:
    cluster.nodes["ha_fencing"] = False
    ha = plan()["ha"]
    assert (ha["devices"], ha["levels"]["node1"]) == ([], [])


@pytest.mark.parametrize(
    ("known", "wanted", "most", "ids"),
    [
        ({}, {}, 16, {"node1": 1, "node2": 2, "node3": 3}),
        ({"node2": 1, "node3": 7}, {}, 16, {"node1": 2, "node2": 1, "node3": 7}),
        # One that was removed from the inventory, and is still in corosync.conf.
        ({"gone": 1, "node1": 2}, {}, 16, {"node1": 2, "node2": 3, "node3": 4}),
        ({}, {"node3": 1}, 16, {"node1": 2, "node2": 3, "node3": 1}),
        ({"node3": 3}, {"node3": 3}, 16, {"node1": 1, "node2": 2, "node3": 3}),
        ({"node3": 5}, {}, 2, {"node1": 1, "node3": 5}),
        ({"node1": 1, "node2": 2, "node3": 3}, {}, 2, {"node1": 1, "node2": 2, "node3": 3}),
    ],
)
def test_ids_are_kept(
    cluster: Any, known: dict[str, int], wanted: dict[str, int], most: int, ids: dict[str, int]
) -> None:
    for one in cluster.facts.values():
        one["ha"]["nodes"] = known
    for name, number in wanted.items():
        cluster.hosts[name]["ha_node_id"] = number
    assert _ha_plan.node_ids(_inventory(cluster, most)) == ids


def _inventory(cluster: Any, most: int) -> Any:
    """What the plan is made from."""
    nodes = {
        name: Machine(name, place, {"ha_members_max": most, **cluster.hosts[name]}, name, None, facts=one)
        for place, (name, one) in enumerate(cluster.facts.items(), 1)
    }
    return Inventory(nodes, {})


def test_nodes_beyond_the_members_are_remote(cluster: Any) -> None:
    inventory = _inventory(cluster, 2)
    found = list(_ha_plan.members(inventory, {name: ["10.10.0.1"] for name in inventory.nodes}))
    assert [(one["id"], one["remote"]) for one in found] == [(1, False), (2, False), (None, True)]


def test_who_is_a_remote_node_stays_one(cluster: Any) -> None:
    cluster.facts["node2"]["ha"]["services"] = ["pacemaker_remote.service"]
    cluster.facts["node1"]["ha"] |= {"nodes": {"node1": 1}, "services": ["corosync.service", "pacemaker.service"]}
    assert _ha_plan.node_ids(_inventory(cluster, 3)) == {"node1": 1, "node3": 2}


@pytest.mark.usefixtures("cluster")
def test_a_remote_node_is_not_fenced_by_the_storage_alone(plan: Plan, cluster: Any) -> None:
    cluster.nodes["ha_storage_fencing"] = "alone"
    for name in ("node1", "node2", "node3"):
        cluster.facts[name]["ha"]["watchdogs"] = []
    cluster.facts["node3"]["ha"]["services"] = ["pacemaker_remote.service"]
    levels = plan()["ha"]["levels"]
    assert levels["node1"] == [["fence-storage", "fence-bmc-node1"], ["fence-storage"]]
    assert levels["node3"] == [["fence-storage", "fence-bmc-node3"]]


@pytest.mark.parametrize(
    ("running", "fed", "timeout"),
    [
        (False, None, 5),  # Installed, and started with corosync, in the same run.
        (True, 15, 15),  # Fed already, still with the time of its last start.
        (True, 3, 5),
        (True, None, None),  # Its daemon would only start with corosync.
    ],
)
def test_a_watchdog_counts_when_it_is_fed(
    plan: Plan, cluster: Any, running: bool, fed: int | None, timeout: int | None
) -> None:
    for name in ("node1", "node2", "node3"):
        cluster.facts[name]["ha"] |= {"running": running, "watchdogs": ["/dev/watchdog0"], "watchdog_timeout": fed}
    ha = plan()["ha"]
    assert ha["watchdog"]["node1"] == "/dev/watchdog0", "it is prepared in any case"
    assert ha["watchdog_timeout"] == timeout
    assert (["fence-storage", "watchdog"] in ha["levels"]["node1"]) == bool(timeout)
    assert ("watchdog" in [device["id"] for device in ha["devices"]]) == bool(timeout)


def test_vms(cluster: Any, plan: Plan) -> None:
    cluster.hosts["web1"] |= {"vm_prefer": ["node2"], "vm_nodes": ["node2", "node3"], "vm_apart": ["web"]}
    cluster.hosts["db1"]["vm_node"] = "node1"
    made = plan()
    (web1,) = made["ha_vms"]
    assert (web1["name"], web1["state"], web1["nodes"], web1["prefer"]) == (
        "web1",
        "present",
        ["node2", "node3"],
        ["node2"],
    )
    validator = ArgumentSpecValidator(domain_module.OPTIONS)
    assert (
        validator.validate(
            {key: value for key, value in web1.items() if key not in EXTRA | {"together"}}
        ).error_messages
        == []
    )
    assert {node: [item["name"] for item in items] for node, items in made["domains"].items()} == {
        "node1": ["db1"],
        "node2": [],
        "node3": [],
    }
    assert made["ha_released"] == ["db1"]
    assert (made["vms"]["web1"]["node"], made["vms"]["web1"]["ha"], made["vms"]["db1"]["ha"]) == (None, True, False)
    # What db1 has on its node is not for others.
    assert made["ha"]["capacity"]["node1"] == {"memory": 25 * 1024, "vcpus": 31}


def test_all_nodes_are_no_restriction(cluster: Any, plan: Plan) -> None:
    cluster.hosts["web1"]["vm_nodes"] = ["node3", "node2", "node1"]
    assert plan()["ha_vms"][0]["nodes"] is None


@pytest.mark.parametrize(
    ("state", "active", "absent"), [("present", True, []), ("present", False, ["web1"]), ("absent", True, [])]
)
def test_only_an_old_definition_is_removed(
    cluster: Any, plan: Plan, state: str, active: bool, absent: list[str]
) -> None:
    cluster.facts["node3"]["domains"] = [domain("web1", active=active, memory=2 * GIB)]
    cluster.hosts["web1"]["vm_state"] = state
    made = plan()
    assert [item["name"] for item in made["domains"]["node3"]] == absent
    assert [(one["name"], one["state"]) for one in made["ha_vms"] if one["name"] == "web1"] == [("web1", state)]


def test_a_vm_that_runs_is_shown_where_it_is(cluster: Any, plan: Plan) -> None:
    cluster.facts["node3"]["domains"] = [domain("web1", memory=GIB)]
    text = [" ".join(line.split()) for line in _plan_text.lines(plan())]
    assert "web1 node3 changes memory 2 2GiB 192.0.2.101" in text
    assert any(line.startswith("db1 - new ") for line in text)
