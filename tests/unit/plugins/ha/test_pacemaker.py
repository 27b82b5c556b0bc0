"""What Pacemaker's tools say, and the resources of VMs in the CIB."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _pacemaker
from ansible_collections.cairn.hci.plugins.module_utils._vms import managed, owner, switched_off, texts, unsettled

SHOWN = ET.fromstring("""
<pacemaker-result api-version="2.38" request="crm_mon --output-as=xml">
  <nodes>
    <node name="node1" id="1" online="true" standby="false" unclean="false" resources_running="1" type="member"/>
    <node name="node2" id="2" online="false" standby="false" unclean="true" resources_running="0" type="member"/>
  </nodes>
  <resources>
    <resource id="fence-storage" role="Started" active="true" blocked="false">
      <node name="node1" id="1" cached="true"/>
    </resource>
    <resource id="vm-web1" resource_agent="ocf:cairn:vm" role="Started" active="true" blocked="false">
      <node name="node1" id="1" cached="true"/>
    </resource>
    <resource id="vm-web2" role="Stopped" active="false" blocked="false" pending="Starting"/>
    <resource id="vm-db1" role="Stopped" active="false" blocked="false"/>
  </resources>
  <failures>
    <failure op_key="vm-db1_start_0" node="node1" exitstatus="Error occurred" exitreason="no such image" task="start"/>
    <failure op_key="vm-a_b_monitor_10000" node="node1" exitstatus="Not running" exitreason="" task="monitor"/>
  </failures>
</pacemaker-result>""")

CIB = ET.fromstring("""
<cib have-quorum="1" dc-uuid="1">
  <configuration>
    <resources>
      <template id="cairn-vm" class="ocf" provider="cairn" type="vm"/>
      <primitive id="vm-web1" template="cairn-vm">
        <meta_attributes id="m"><nvpair id="m.t" name="target-role" value="Started"/></meta_attributes>
      </primitive>
      <primitive id="site-address" class="ocf" provider="heartbeat" type="IPaddr2"/>
    </resources>
    <constraints>
      <rsc_location id="cairn-prefer-1-web1" rsc="vm-web1" node="node1" score="1000"/>
      <rsc_location id="cli-ban-vm-web1-on-node3" rsc="vm-web1" node="node3" score="-INFINITY"/>
      <rsc_location id="drained-node2-web1" rsc="vm-web1" node="node2" score="20000"/>
      <rsc_colocation id="cairn-apart-web" score="-20000">
        <resource_set id="s"><resource_ref id="vm-web1"/><resource_ref id="vm-web2"/></resource_set>
      </rsc_colocation>
    </constraints>
  </configuration>
</cib>""")


def test_nodes_resources_and_failures() -> None:
    assert _pacemaker.nodes(SHOWN)["node2"] == {"online": False, "standby": False, "unclean": True}
    assert _pacemaker.resources(SHOWN)["vm-web1"] == {
        "agent": "ocf:cairn:vm",
        "role": "Started",
        "target_role": "Started",
        "nodes": ["node1"],
        "blocked": False,
        "pending": None,
    }
    assert _pacemaker.failures(SHOWN) == {
        "vm-db1": "start on node1: no such image",
        "vm-a_b": "monitor on node1: Not running",
    }


@pytest.mark.parametrize(
    ("attributes", "ready"),
    [
        ({"have-quorum": "1", "dc-uuid": "2"}, True),
        ({"have-quorum": "0", "dc-uuid": "2"}, False),
        ({"have-quorum": "1"}, False),
    ],
)
def test_a_cluster_is_ready_with_a_quorum_and_a_coordinator(attributes: dict[str, str], ready: bool) -> None:
    assert _pacemaker.is_ready(ET.Element("cib", attributes)) is ready


@pytest.mark.parametrize(
    ("powers", "late"),
    [
        ({"web1": "running"}, {}),
        ({"web1": "stopped"}, {"web1": ""}),
        ({"web2": "running"}, {"web2": ""}),
        ({"db1": "running"}, {"db1": "start on node1: no such image"}),
        ({"db1": "stopped"}, {}),
        ({"gone": "stopped"}, {}),
    ],
)
def test_who_is_waited_for(powers: dict[str, str], late: dict[str, str]) -> None:
    assert unsettled(powers, SHOWN, {"db1": "start on node1: no such image"}) == late


def test_only_what_the_collection_wrote_for_a_vm_is_its() -> None:
    found = managed(CIB, {"web1", "web2"})
    assert [element.get("id") for _section, element in found] == ["vm-web1", "cairn-prefer-1-web1", "cairn-apart-web"]
    assert managed(CIB, {"web2"}) == []
    assert owner(ET.Element("template", id="cairn-vm")) is None


def test_elements_are_compared_without_regard_to_the_order_of_attributes() -> None:
    one = ET.fromstring('<primitive id="vm-a" template="cairn-vm"/>')
    other = ET.fromstring('<primitive template="cairn-vm" id="vm-a"/>')
    assert texts([("resources", one)], "a") == texts([("resources", other)], "a")


def test_a_vm_that_is_to_go_is_switched_off_first() -> None:
    element = switched_off(managed(CIB, {"web1"})[0][1])
    assert [pair.get("value") for pair in element.iterfind("meta_attributes/nvpair")] == ["Stopped"]
    assert 'value="Started"' in ET.tostring(CIB, "unicode")
