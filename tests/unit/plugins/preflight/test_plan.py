"""The plan of a healthy inventory: what the modules are given, and what stays as it is."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.cairn.hci.plugins.module_utils import _plan_text

from .conftest import GIB, REPORT

Plan = Callable[[], dict[str, Any]]
FSID = "22222222-2222-4222-8222-222222222222"


def options(module: str) -> dict[str, Any]:
    """The options of one object of a module."""
    found: dict[str, Any] = importlib.import_module(f"ansible_collections.cairn.hci.plugins.modules.{module}").OPTIONS
    return found


def domain(name: str, *, active: bool = True, memory: int = GIB) -> dict[str, Any]:
    """A domain as node_info reports it."""
    return {"name": name, "uuid": FSID, "memory": memory, "vcpus": 2, "active": active}


def test_what_the_modules_are_given_is_what_they_take(world: Any, plan: Plan) -> None:
    world.nodes["network_bridges"] = {"lan": {"ports": ["eno1"], "vlan_aware": True, "gateway": "192.0.2.1"}}
    world.nodes["network_overlays"] = {"tenant": {"vni": 7}}
    world.hosts["web1"]["vm_disks"] = [{"size": "20GiB", "cache": "none", "iops": 500, "bandwidth": "100MiB"}]
    world.hosts["web1"]["vm_nics"] = [{"network": "lan"}, {"network": "tenant", "address": "dhcp", "queues": 2}]
    world.hosts["db1"] |= {"vm_state": "absent", "vm_delete_disks": True}
    world.facts["node3"]["domains"] = [domain("db1")]
    made = plan()
    given: dict[str, list[dict[str, Any]]] = {
        "bridge": [
            item
            for node in made["nodes"].values()
            for kind in ("bridges", "interfaces", "overlays")
            for item in node[kind]
        ],
        "rbd_image": made["images"] + made["disks"] + made["disks_absent"],
        "cloud_init_seed": made["seeds"] + made["seeds_absent"],
        "domain": [item for items in made["domains"].values() for item in items],
        "tls_certificate": made["certificates"],
    }
    for module, items in given.items():
        assert items, module
        validator = ArgumentSpecValidator(options(module))
        for item in items:
            assert validator.validate(item).error_messages == [], module


def test_nodes(plan: Plan) -> None:
    made = plan()
    assert made["monitors"] == [{"name": f"node{n}", "address": f"10.10.0.{n}"} for n in (1, 2, 3)]
    assert made["storage_cidr"] == "10.10.0.0/24"
    node = made["nodes"]["node2"]
    assert (node["place"], node["address"], node["storage_address"]) == (2, "192.0.2.12", "10.10.0.2/24")
    assert node["bridges"] == [{"name": "lan", "ports": ["eno1"], "vlan_aware": False}]
    assert node["interfaces"] == [{"name": "eno2", "type": "interface", "addresses": ["keep", "10.10.0.2/24"]}]
    osd = {"path": "/dev/disk/by-id/nvme-disk2", "size": 100 * GIB, "plan": "enrol", "osds": 1, "new": 1}
    assert node["osds"] == [osd]


def test_storage_on_a_bridge(world: Any, plan: Plan) -> None:
    world.nodes["network_storage"]["interface"] = "lan"
    node = plan()["nodes"]["node1"]
    assert node["interfaces"] == []
    assert node["bridges"][0]["addresses"] == ["keep", "10.10.0.1/24"]


def test_without_a_storage_network_the_management_network_carries_it(world: Any, plan: Plan) -> None:
    del world.nodes["network_storage"]
    made = plan()
    assert made["storage_cidr"] == "192.0.2.0/24"
    assert made["monitors"][0] == {"name": "node1", "address": "192.0.2.11"}


def test_an_overlay_joins_all_other_nodes(world: Any, plan: Plan) -> None:
    world.nodes["network_overlays"] = {"tenant": {"vni": 7}}
    (overlay,) = plan()["nodes"]["node2"]["overlays"]
    assert overlay["mtu"] == 1450
    assert overlay["vxlan"] == {"id": 7, "local": "10.10.0.2", "remotes": ["10.10.0.1", "10.10.0.3"]}


def test_the_plan_is_the_same_before_and_after_the_bridge_is_made(world: Any, plan: Plan) -> None:
    before = plan()
    for place, one in enumerate(world.facts.values(), 1):
        bridge = one["interfaces"][0] | {"name": "lan", "kind": "bridge"}
        one["interfaces"] = [one["interfaces"][0] | {"addresses": [], "master": "lan"}, one["interfaces"][1], bridge]
        one["interfaces"][1]["addresses"] = [f"10.10.0.{place}/24"]
        one["bridges"], one["routes"][0]["interface"] = ["lan"], "lan"
    assert plan()["seeds"] == before["seeds"]


def test_disks_are_clones_of_a_base_image(plan: Plan) -> None:
    made = plan()
    (base,) = made["images"]
    assert base["name"].startswith("base.debian-13.")
    assert base["checksum"].startswith(f"sha256:{base['name'][-8:]}")
    assert (base["snapshots"], base["protected"]) == (["base"], ["base"])
    assert [upload["path"] for upload in made["uploads"]] == [base["source"]]
    assert {disk["name"]: disk.get("clone_of") for disk in made["disks"]} == {
        "web1.disk0": f"vms/{base['name']}@base",
        "db1.disk0": f"vms/{base['name']}@base",
        "db1.disk1": None,
    }


def test_an_existing_disk_keeps_its_origin_and_needs_no_image(world: Any, plan: Plan) -> None:
    world.facts["node1"]["images"] = {"vms/web1.disk0": 20 * GIB, "vms/db1.disk0": 20 * GIB}
    made = plan()
    assert (made["images"], made["uploads"]) == ([], [])
    assert made["disks"][0] == {"name": "web1.disk0", "pool": "vms", "size": "20GiB"}


def test_a_vm_without_disks_has_one_of_the_image_s_size(world: Any, plan: Plan) -> None:
    world.hosts["web1"]["vm_disks"] = []
    made = plan()
    assert made["disks"][0].keys() == {"name", "pool", "clone_of"}


def test_a_seed(world: Any, plan: Plan) -> None:
    world.hosts["web1"]["vm_user_data"] = {"packages": ["nginx"], "users": [{"name": "eve"}], "ssh_pwauth": True}
    seed = plan()["seeds"][0]
    user_data = seed["user_data"]
    assert user_data["hostname"] == "web1"
    assert [user["name"] for user in user_data["users"]] == ["debian", "eve"]
    assert user_data["users"][0]["ssh_authorized_keys"] == ["ssh-ed25519 AAAA me"]
    assert (user_data["packages"], user_data["ssh_pwauth"]) == (["nginx"], True)
    (ethernet,) = seed["network_config"]["ethernets"].values()
    assert ethernet["addresses"] == ["192.0.2.101/24"]
    assert ethernet["routes"] == [{"to": "0.0.0.0/0", "via": "192.0.2.1"}]
    assert ethernet["nameservers"] == {"addresses": ["192.0.2.53"]}


def test_only_the_first_interface_has_a_default_route(world: Any, plan: Plan) -> None:
    world.nodes["network_bridges"]["dmz"] = {"cidr": "198.51.100.0/24", "gateway": "198.51.100.1"}
    world.hosts["web1"]["vm_nics"] = [{"network": "lan"}, {"network": "dmz", "address": "198.51.100.9"}]
    ethernets = plan()["seeds"][0]["network_config"]["ethernets"]
    assert "routes" in ethernets["nic0"]
    assert "routes" not in ethernets["nic1"]
    assert ethernets["nic1"]["addresses"] == ["198.51.100.9/24"]


def test_root_as_user(world: Any, plan: Plan) -> None:
    world.hosts["web1"]["ansible_user"] = "root"
    user_data = plan()["seeds"][0]["user_data"]
    assert user_data["users"] == [{"name": "root", "ssh_authorized_keys": ["ssh-ed25519 AAAA me"]}]
    assert user_data["disable_root"] is False


def test_a_vm_stays_where_its_domain_is(world: Any, plan: Plan) -> None:
    world.facts["node3"]["domains"] = [domain("web1", memory=2 * GIB)]
    made = plan()
    assert made["vms"]["web1"]["node"] == "node3"
    assert [item["name"] for item in made["domains"]["node3"]] == ["web1"]


def test_the_text_tells_what_happens(world: Any, plan: Plan) -> None:
    world.facts["node3"]["domains"] = [domain("web1", memory=GIB)]
    text = "\n".join(_plan_text.lines(plan()))
    assert re.search(r"^web1 +node3 +changes memory +2 +2GiB +192\.0\.2\.101$", text, re.MULTILINE)
    assert re.search(r"^db1 +node\d +new ", text, re.MULTILINE)
    assert re.search(r"^node1 .*nvme-disk1 100 GiB new$", text, re.MULTILINE)


def test_a_stopped_vm_moves_to_the_node_that_it_is_given(world: Any, plan: Plan) -> None:
    world.facts["node3"]["domains"] = [domain("web1", active=False)]
    world.hosts["web1"]["vm_node"] = "node1"
    made = plan()
    assert [(item["name"], item.get("state")) for item in made["domains"]["node3"]] == [("web1", "absent")]
    assert "web1" in [item["name"] for item in made["domains"]["node1"]]


def test_an_absent_vm_is_removed_where_it_is_and_keeps_its_disks(world: Any, plan: Plan) -> None:
    world.facts["node3"]["domains"] = [domain("web1")]
    world.hosts["web1"]["vm_state"] = "absent"
    made = plan()
    assert [item["name"] for item in made["domains"]["node3"] if item.get("state") == "absent"] == ["web1"]
    assert made["disks_absent"] == []
    assert made["seeds_absent"] == [{"name": "web1.seed", "pool": "vms", "state": "absent"}]
    world.hosts["web1"]["vm_delete_disks"] = True
    assert [disk["name"] for disk in plan()["disks_absent"]] == ["web1.disk0"]


def test_the_cluster_that_is_there_is_kept(world: Any, plan: Plan) -> None:
    for name, one in world.facts.items():
        one["ceph"] = REPORT | {"fsid": FSID, "ours": True, "mon_store": name, "mon_running": True, "mon_fsid": FSID}
        label = {"ceph_fsid": FSID, "osd_uuid": FSID, "id": 1, "ready": True}
        one["osd_devices"][0] |= {"label": label, "busy": True}
    made = plan()
    assert (made["fsid"], made["ceph"]["exists"], made["ceph"]["new_monitors"]) == (FSID, True, [])
    assert [osd["plan"] for osd in made["nodes"]["node1"]["osds"]] == ["keep"]


@pytest.mark.parametrize(("count", "monitors"), [(1, 1), (2, 1), (3, 3), (5, 3)])
def test_the_number_of_monitors(world: Any, plan: Plan, count: int, monitors: int) -> None:
    world.nodes |= {
        "preflight_allow_few_nodes": True,
        "ceph_pools": {"vms": {"size": min(count, 3), "min_size": 1}},
        "ceph_config": {"global": {"mon_allow_pool_size_one": True}},
    }
    for place in range(4, count + 1):
        world.add_node(f"node{place}")
    del world.groups["nodes"][count:]
    assert len(plan()["monitors"]) == monitors
