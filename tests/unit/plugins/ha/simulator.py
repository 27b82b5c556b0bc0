"""Pacemaker's own scheduler on the CIB that an inventory becomes: who runs where after what, without a single VM."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _cib
from ansible_collections.cairn.hci.plugins.module_utils._ha_cib import cluster_elements
from ansible_collections.cairn.hci.plugins.module_utils._ha_cib_vms import vm_elements

# A schema that Debian 12's Pacemaker knows as well as Debian 13's.
EMPTY = """
<cib validate-with="pacemaker-3.8" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-have-watchdog" name="have-watchdog" value="true"/>
      </cluster_property_set>
    </crm_config>
    <nodes/> <resources/> <constraints/>
  </configuration>
  <status/>
</cib>
"""


def tool(name: str) -> str:
    """A program of Pacemaker. Its absence is a failure, not a reason to skip the proof."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin")
    return found or pytest.fail(f"{name} is missing; `make units` installs it (package pacemaker-cli-utils).")


def empty(members: list[dict[str, Any]]) -> Element:
    """The CIB of nodes that are all online and run nothing."""
    cib = ElementTree.fromstring(EMPTY)
    for member in members:
        identity = {"id": str(member["id"]), "uname": member["name"]}
        nodes, status = cib.find("configuration/nodes"), cib.find("status")
        assert nodes is not None
        assert status is not None
        SubElement(nodes, "node", identity)
        up = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"}
        SubElement(
            SubElement(SubElement(status, "node_state", {**identity, **up}), "lrm", id=identity["id"]), "lrm_resources"
        )
    return cib


class Cluster:
    """A cluster that lives in a file."""

    def __init__(self, plan: dict[str, Any], folder: Path) -> None:
        """All nodes online, all VMs started."""
        self.file = folder / "cib.xml"
        self.plan = plan
        self.cib = _cib.merge(empty(plan["ha"]["members"]), cluster_elements(plan["ha"]), [])
        self.moves: dict[str, tuple[str, str | None, str | None]] = {}
        self.at: dict[str, str | None] = {}
        self.define(plan["ha_vms"])

    def define(self, specs: list[dict[str, Any]]) -> None:
        """Write the VMs into the CIB, and let the cluster do what follows."""
        self.cib = _cib.merge(self.cib, vm_elements(specs), _cib.vm_ids(self.cib))
        self.then()

    def then(self, *events: str) -> None:
        """Something happens (an option of crm_simulate), and the cluster acts until it is content.

        `moves` has what it did with each VM, by name: action, from, to; `at` where each VM is then.
        """
        ElementTree.ElementTree(self.cib).write(self.file)
        options = ["--simulate", "--output-as=xml", f"--xml-file={self.file}", f"--save-output={self.file}", *events]
        done = subprocess.run([tool("crm_simulate"), *options], check=True, capture_output=True, text=True)
        answer = ElementTree.fromstring(done.stdout)
        self.cib = ElementTree.parse(self.file).getroot()
        self.moves = {
            one.get("resource", "").removeprefix("vm-"): (one.get("action", ""), one.get("source"), one.get("dest"))
            for one in answer.iterfind("actions/rsc_action")
            if one.get("resource", "").startswith("vm-")
        }
        status = answer.find("revised_cluster_status") or answer.find("cluster_status")
        assert status is not None
        for one in status.iter("resource"):
            node = one.find("node")
            if one.get("id", "").startswith("vm-"):
                self.at[one.get("id", "").removeprefix("vm-")] = None if node is None else node.get("name")

    def lose(self, node: str) -> None:
        """A node fails and is fenced."""
        self.then(f"--node-fail={node}")

    def back(self, node: str) -> None:
        """A node that was lost is there again, and runs nothing."""
        self.then(f"--node-up={node}")

    def standby(self, node: str, *, on: bool) -> None:
        """A node goes into maintenance or leaves it, as `crm_standby` writes that."""
        entry = self.cib.find(f"configuration/nodes/node[@uname='{node}']")
        assert entry is not None
        attributes = Element("instance_attributes", id=f"nodes-{node}")
        SubElement(attributes, "nvpair", id=f"nodes-{node}-standby", name="standby", value="on" if on else "off")
        entry[:] = [one for one in entry if one.get("id") != f"nodes-{node}"] + [attributes]
        self.then()

    def on(self, node: str) -> set[str]:
        """The VMs of a node."""
        return {name for name, where in self.at.items() if where == node}

    def stopped(self) -> set[str]:
        """The VMs that run nowhere."""
        return {name for name, where in self.at.items() if where is None}

    def valid(self) -> str:
        """What crm_verify says of the CIB; nothing when it is right."""
        ElementTree.ElementTree(self.cib).write(self.file)
        command = [tool("crm_verify"), "--verbose", f"--xml-file={self.file}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return done.stdout + done.stderr
