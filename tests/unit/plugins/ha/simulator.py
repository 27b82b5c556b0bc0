"""Pacemaker's own scheduler on the CIB that an inventory becomes: who runs where after what, without a single VM."""

from __future__ import annotations

import copy
import hashlib
import shutil
import subprocess
from collections.abc import Mapping
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
        state = SubElement(status, "node_state", {**identity, **up})
        state.append(transient(identity["id"]))
        SubElement(SubElement(state, "lrm", id=identity["id"]), "lrm_resources")
    return cib


Moves = dict[str, tuple[str, str | None, str | None]]


def transient(number: str) -> Element:
    """What each member says of itself when it joins."""
    found = Element("transient_attributes", id=number)
    attributes = SubElement(found, "instance_attributes", id=f"status-{number}")
    SubElement(attributes, "nvpair", id=f"status-{number}-.feature-set", name="#feature-set", value="3.16.1")
    return found


def history(cib: Element, at: dict[str, str | None]) -> None:
    """Note where each VM runs, and that all else was looked for and not found.

    crm_simulate can act by itself, but writes the whole CIB after each action, which for many VMs takes minutes.
    """
    vm = {"class": "ocf", "provider": "cairn", "type": "vm"}
    for node in cib.iter("node_state"):
        resources = node.find("lrm/lrm_resources")
        assert resources is not None
        resources.clear()
        for primitive in cib.iterfind("configuration/resources/primitive"):
            name = primitive.get("id", "")
            entry = SubElement(
                resources, "lrm_resource", {"id": name, **vm} if primitive.get("template") else fence(primitive)
            )
            there = at.get(name.removeprefix("vm-")) == node.get("uname")
            task, code = ("start", 0) if there else ("monitor", 7)
            key = f"1:0:{code}:00000000-0000-4000-8000-000000000000"
            done = {
                "operation": task,
                "operation_key": f"{name}_{task}_0",
                "interval": "0",
                "op-digest": digest(primitive),
            }
            result = {"call-id": "1", "rc-code": str(code), "op-status": "0"}
            keys = {"transition-key": key, "transition-magic": f"0:{code};{key}"}
            SubElement(entry, "lrm_rsc_op", {"id": f"{name}_last_0", **done, **result, **keys})


def digest(primitive: Element) -> str:
    """What Pacemaker knows parameters by, so as to restart what was started with others (lib/common/digest.c, v1)."""
    pairs = {one.get("name", ""): one.get("value", "") for one in primitive.iterfind("instance_attributes/nvpair")}
    text = "".join(f' {name}="{value}"' for name, value in sorted(pairs.items()))
    return hashlib.md5(f" <parameters{text}/>\n".encode(), usedforsecurity=False).hexdigest()


def fence(primitive: Element) -> dict[str, str]:
    """A fence device in the history."""
    return {"id": primitive.get("id", ""), "class": "stonith", "type": primitive.get("type", "")}


def moves(answer: Element) -> Moves:
    """The actions with VMs of an answer of crm_simulate."""
    return {
        one.get("resource", "").removeprefix("vm-"): (
            one.get("action", ""),
            one.get("source"),
            one.get("dest") or (one.get("node") if one.get("action") == "start" else None),
        )
        for one in answer.iterfind("actions/rsc_action")
        if one.get("resource", "").startswith("vm-")
    }


class Cluster:
    """A cluster that lives in a file."""

    def __init__(self, plan: dict[str, Any], folder: Path) -> None:
        """All nodes online, all VMs started."""
        self.file = folder / "cib.xml"
        self.plan = plan
        self.cib = _cib.merge(empty(plan["ha"]["members"]), cluster_elements(plan["ha"]), [])
        self.cib = _cib.merge(self.cib, vm_elements(plan["ha_vms"]), _cib.vm_ids(self.cib))
        names = [spec["name"] for spec in plan["ha_vms"]]
        self.at: dict[str, str | None] = dict.fromkeys(names)
        history(self.cib, self.at)
        self.moves: Moves = self.decide()
        self.place({name: to for name, (_action, _from, to) in self.moves.items()})

    def place(self, at: Mapping[str, str | None]) -> None:
        """VMs run where they are said to."""
        self.at |= at
        history(self.cib, self.at)

    def ask(self, *options: str) -> Element:
        """What crm_simulate says of the CIB."""
        ElementTree.ElementTree(self.cib).write(self.file)
        command = [tool("crm_simulate"), "--output-as=xml", f"--xml-file={self.file}", *options]
        return ElementTree.fromstring(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def decide(self, *events: str) -> Moves:
        """What the cluster would do after something (an option of crm_simulate): by VM the action, from and to."""
        return moves(self.ask("--run", *events))

    def then(self, *events: str) -> None:
        """Something happens, and the cluster acts: `moves` has what it did, `at` where each VM is then."""
        answer = self.ask("--simulate", f"--save-output={self.file}", *events)
        self.cib = ElementTree.parse(self.file).getroot()
        self.moves = moves(answer)
        revised = answer.find("revised_cluster_status")
        status = answer.find("cluster_status") if revised is None else revised
        assert status is not None
        for one in status.iter("resource"):
            node = one.find("node")
            if one.get("id", "").startswith("vm-"):
                self.at[one.get("id", "").removeprefix("vm-")] = None if node is None else node.get("name")

    def lose(self, node: str) -> None:
        """A node fails and is fenced."""
        self.forget(node)
        self.then(f"--node-fail={node}")

    def forget(self, node: str) -> None:
        """What Pacemaker itself does about a node that is gone."""
        state = self.state(node)
        state[:] = [one for one in state if one.tag != "transient_attributes"]

    def state(self, node: str) -> Element:
        """The entry of a node in the status."""
        found = self.cib.find(f"status/node_state[@uname='{node}']")
        assert found is not None
        return found

    def loss(self, node: str) -> Moves:
        """What the cluster would do if a node were lost."""
        before = copy.deepcopy(self.cib)
        self.forget(node)
        decided = self.decide(f"--node-fail={node}")
        self.cib = before
        return decided

    def back(self, node: str) -> None:
        """A node that was lost is there again, and runs nothing."""
        state = self.state(node)
        state.append(transient(state.get("id", "")))
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
