"""Our elements in a CIB that has others' too."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from ansible_collections.cairn.hci.plugins.filter.ha import cib_elements
from ansible_collections.cairn.hci.plugins.module_utils import _cib
from ansible_collections.cairn.hci.plugins.module_utils._ha_cib import cluster_elements
from ansible_collections.cairn.hci.plugins.module_utils._ha_cib_vms import vm_elements
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

from .simulator import Cluster

Build = Callable[..., Cluster]
VMS: dict[str, dict[str, Any]] = {
    "web1": {"vm_apart": ["web"], "vm_prefer": ["node2"], "vm_nodes": ["node2", "node3"], "vm_start_after": ["db1"]},
    "web2": {"vm_apart": ["web"], "vm_guest_shutdown": "restart", "vm_shutdown_timeout": 300},
    "db1": {"vm_together": ["db"], "vm_priority": 5},
    "db2": {"vm_together": ["db"], "vm_affinity_strict": True},
}
FOREIGN = """
<configuration>
  <crm_config>
    <cluster_property_set id="x"><nvpair id="x-1" name="batch-limit" value="10"/></cluster_property_set>
  </crm_config>
  <resources><primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2"/></resources>
  <constraints><rsc_location id="cli-ban-vm-web1-on-node1" rsc="vm-web1" node="node1" score="-INFINITY"/></constraints>
</configuration>
"""


def find(cib: Element, path: str) -> Element:
    """The one element of a path."""
    (found,) = cib.findall(path)
    return found


def text(element: Element) -> str:
    """An element as it is written."""
    return ElementTree.tostring(element, encoding="unicode")


@pytest.fixture
def cluster(build: Build) -> Cluster:
    """Three nodes, four VMs, and something that is not ours."""
    made = build(copy.deepcopy(VMS))
    for section in ElementTree.fromstring(FOREIGN):
        find(made.cib, f"configuration/{section.tag}").extend(section)
    return made


def test_the_same_again_changes_nothing(cluster: Cluster) -> None:
    cib = cluster.cib
    ours = _cib.cluster_ids(cib) | _cib.vm_ids(cib)
    wanted = cluster_elements(cluster.plan["ha"]) + vm_elements(cluster.plan["ha_vms"])
    assert ours == {element.get("id") for section, element in wanted if section != "nodes"}
    assert text(_cib.merge(cib, wanted, ours)) == text(cib)


def test_what_an_interrupted_destroy_has_left_is_ours(cluster: Cluster) -> None:
    cib = copy.deepcopy(cluster.cib)
    left = ElementTree.SubElement(find(cib, "configuration/crm_config"), "cluster_property_set", id="cairn-destroy")
    ElementTree.SubElement(left, "nvpair", id="cairn-destroy-1", name="maintenance-mode", value="true")
    ours = _cib.cluster_ids(cib) | _cib.vm_ids(cib)
    wanted = cluster_elements(cluster.plan["ha"]) + vm_elements(cluster.plan["ha_vms"])
    assert "cairn-destroy" in ours
    assert text(_cib.merge(cib, wanted, ours)) == text(cluster.cib)


def test_another_spelling_is_no_change(cluster: Cluster) -> None:
    cib = copy.deepcopy(cluster.cib)
    for one in cib.iter():
        if one.tag != "resource_set":
            one[:] = reversed(one)
        pairs = list(one.attrib.items())
        one.attrib.clear()
        one.attrib.update(reversed(pairs))
    before = text(cib)
    wanted = cluster_elements(cluster.plan["ha"]) + vm_elements(cluster.plan["ha_vms"])
    assert text(_cib.merge(cib, wanted, _cib.cluster_ids(cib) | _cib.vm_ids(cib))) == before


def test_what_is_not_ours_survives(cluster: Cluster) -> None:
    made = _cib.merge(cluster.cib, [], _cib.cluster_ids(cluster.cib) | _cib.vm_ids(cluster.cib))
    left = {section.tag: [one.get("id") for one in section] for section in find(made, "configuration")}
    assert left.pop("nodes") == ["1", "2", "3"]
    assert left == {
        "crm_config": ["cib-bootstrap-options", "x"],
        "resources": ["vip"],
        "constraints": ["cli-ban-vm-web1-on-node1"],
        "fencing-topology": [],
    }


def test_each_module_removes_only_its_own(cluster: Cluster) -> None:
    vms = _cib.vm_ids(cluster.cib)
    assert vms & _cib.cluster_ids(cluster.cib) == set()
    assert vms >= {"vm-web1", "cairn-nodes-web1", "cairn-prefer-1-web1", "cairn-order-web1", "cairn-apart-web"}
    made = _cib.merge(cluster.cib, [], vms)
    assert _cib.vm_ids(made) == set()
    assert _cib.cluster_ids(made) == _cib.cluster_ids(cluster.cib)


def test_a_removed_vm_takes_its_constraints_along(cluster: Cluster) -> None:
    specs = [spec if spec["name"] != "web1" else {"name": "web1", "state": "absent"} for spec in cluster.plan["ha_vms"]]
    made = _cib.merge(cluster.cib, vm_elements(specs), _cib.vm_ids(cluster.cib))
    assert "cairn-apart-web" not in _cib.vm_ids(made)
    assert not [one for one in _cib.vm_ids(made) if "web1" in one]
    assert text(find(made, "configuration/resources/primitive[@id='vm-web2']")) == text(
        find(cluster.cib, "configuration/resources/primitive[@id='vm-web2']")
    )


def test_a_change_is_made_in_place(cluster: Cluster) -> None:
    specs = copy.deepcopy(cluster.plan["ha_vms"])
    specs[0] |= {"memory": "3GiB", "power": "stopped", "nodes": None}
    made = _cib.merge(cluster.cib, vm_elements(specs), _cib.vm_ids(cluster.cib))
    order = [[one.get("id") for one in find(cib, "configuration/resources")] for cib in (cluster.cib, made)]
    assert order[0] == order[1]
    web1 = find(made, "configuration/resources/primitive[@id='vm-web1']")
    assert {one.get("name"): one.get("value") for one in web1.iter("nvpair")} == {
        "name": "web1",
        "target-role": "Stopped",
        "priority": "0",
        "memory": "3072",
        "vcpus": "1",
    }
    assert _cib.vm_ids(cluster.cib) - _cib.vm_ids(made) == {"cairn-nodes-web1"}


def test_a_node_keeps_what_others_gave_it(cluster: Cluster) -> None:
    cluster.standby("node2", on=True)
    cluster.plan["ha"]["capacity"]["node2"]["memory"] = 1000
    made = _cib.merge(cluster.cib, cluster_elements(cluster.plan["ha"]), _cib.cluster_ids(cluster.cib))
    node = find(made, "configuration/nodes/node[@uname='node2']")
    values = {one.get("name"): one.get("value") for one in node.iter("nvpair")}
    assert values == {"standby": "on", "cairn-domain": "node2", "memory": "1000", "vcpus": "256"}


def test_a_remote_node(cluster: Cluster) -> None:
    cluster.plan["ha"]["members"][2] |= {"remote": True, "id": None}
    find(cluster.cib, "configuration/nodes").remove(find(cluster.cib, "configuration/nodes/node[@uname='node3']"))
    cluster.cib = _cib.merge(cluster.cib, cluster_elements(cluster.plan["ha"]), _cib.cluster_ids(cluster.cib))
    node = find(cluster.cib, "configuration/nodes/node[@uname='node3']")
    assert (node.get("id"), node.get("type")) == ("node3", "remote")
    connection = find(cluster.cib, "configuration/resources/primitive[@id='node3']")
    assert (connection.get("type"), find(connection, "instance_attributes/nvpair[@name='server']").get("value")) == (
        "remote",
        "10.10.0.3",
    )
    assert "node3" in _cib.cluster_ids(cluster.cib)
    names = [element["name"] for element in cib_elements(cluster.plan["ha"])]
    assert len(names) == len(set(names)), "its entry and its resource are two elements"
    assert cluster.valid() == ""


def test_fencing(cluster: Cluster) -> None:
    levels = {
        (one.get("target"), one.get("index")): one.get("devices")
        for one in cluster.cib.iterfind("configuration/fencing-topology/fencing-level")
    }
    assert levels["node1", "1"] == "fence-storage,fence-bmc-node1"
    assert levels["node1", "2"] == "fence-storage,watchdog"
    properties = find(cluster.cib, "configuration/crm_config/cluster_property_set[@id='cairn-properties']")
    values = {one.get("name"): one.get("value") for one in properties}
    assert (values["stonith-enabled"], values["stonith-watchdog-timeout"]) == ("true", "10s")
    away = find(cluster.cib, "configuration/constraints/rsc_location[@rsc='fence-bmc-node1']")
    assert (away.get("node"), away.get("score")) == ("node1", "-INFINITY")


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"watchdog_timeout": None}, {"stonith-watchdog-timeout"}),
        ({"fencing": False}, {"stonith-watchdog-timeout", "stonith-timeout", "concurrent-fencing"}),
    ],
)
def test_properties_without(cluster: Cluster, changes: dict[str, Any], gone: set[str]) -> None:
    names = []
    for ha in (cluster.plan["ha"], cluster.plan["ha"] | changes):
        properties = next(one for section, one in cluster_elements(ha) if section == "crm_config")
        names.append({one.get("name") for one in properties})
    assert names[0] - names[1] == gone


def test_names_never_make_the_same_id() -> None:
    plain: dict[str, Any] = {
        "state": "present",
        "memory": "1GiB",
        "vcpus": 1,
        "priority": 0,
        "guest_shutdown": "restart",
        "nodes": ["n-1", "n"],
        "prefer": ["n", "n-1"],
        "apart": ["a", "a-b"],
        "apart_by": "node",
        "together": ["a", "a-b"],
        "affinity_strict": False,
        "shutdown_timeout": 5,
    }
    names = ["a", "a-b", "a.b", "b", "1-a", "1-a-b", "stop-a", "set-a", "name-a"]
    specs = [plain | {"name": name, "start_after": names} for name in names]
    ids = [
        one.get("id")
        for _section, element in vm_elements(specs)
        for one in element.iter()
        if one.tag not in ("operations", "resource_ref")
    ]
    assert len(ids) == len(set(ids))


def test_what_is_no_cib() -> None:
    with pytest.raises(ResourceError, match="has no configuration"):
        _cib.merge(Element("cib"), [], [])
