# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pacemaker as it is: its CIB as XML, changed by one patch, and what its resources do.

Pacemaker has no binding; its tools speak XML.

Private to the collection.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from xml.etree import ElementTree as ET

from ansible_collections.cairn.hci.plugins.module_utils._resource import NotInstalled, Object, ResourceError

SECONDS = 60
# Written by the role ha on every node before it starts Pacemaker.
SETTINGS = "/usr/local/lib/cairn/ha.json"
LOOK = 0.25


def run(*command: str, expected: tuple[int, ...] = (0,)) -> str:
    """What a tool prints. Raise NotInstalled without Pacemaker, ResourceError when the tool fails or does not end."""
    if shutil.which(command[0]) is None:
        raise NotInstalled(f"{command[0]} is not installed on this node; run the roles base and ha first.")
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise ResourceError(
            f"{command[0]} did not end within {SECONDS} s; see 'systemctl status pacemaker'."
        ) from error
    if done.returncode not in expected:
        words = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-2:])
        raise ResourceError(f"{command[0]} failed: {words or f'exit code {done.returncode}'}")
    return done.stdout


def query() -> ET.Element:
    """The CIB. Raise NotInstalled on a node whose Pacemaker was never started."""
    if not os.path.exists(SETTINGS):
        raise NotInstalled("This node is in no cluster yet; run the role ha first.")
    return ET.fromstring(run("cibadmin", "--query"))


def is_ready(cib: ET.Element) -> bool:
    """Whether the cluster has a quorum and a coordinator, so that a change takes effect."""
    return cib.get("have-quorum") == "1" and bool(cib.get("dc-uuid"))


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Look until a condition holds; False when time is up."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(LOOK)
    return True


def wait_ready(seconds: float) -> None:
    """Wait for the cluster. Raise ResourceError when it does not come."""

    def ready() -> bool:
        try:
            return is_ready(query())
        except NotInstalled:
            raise
        except ResourceError:
            return False

    if not wait(ready, seconds):
        raise ResourceError(
            f"Pacemaker has no quorum after {seconds:g} s: see 'corosync-quorumtool' and 'crm_mon -1' on this node."
        )


def patch(before: ET.Element, after: ET.Element) -> None:
    """Change the CIB from `before` to `after` in one step; what is the same in both is not touched."""
    with tempfile.TemporaryDirectory(prefix="cairn-") as directory:
        names = [os.path.join(directory, name) for name in ("before", "after", "patch")]
        for name, tree in zip(names, (before, after), strict=False):
            ET.ElementTree(tree).write(name, encoding="utf-8")
        # 1 says that both differ.
        difference = run("crm_diff", "--original", names[0], "--new", names[1], "--no-version", expected=(0, 1))
        if difference.strip():
            with open(names[2], "w", encoding="utf-8") as file:
                file.write(difference)
            run("cibadmin", "--patch", "--xml-file", names[2])


def monitor() -> ET.Element:
    """What crm_mon says of nodes, resources and failures."""
    return ET.fromstring(run("crm_mon", "--one-shot", "--inactive", "--output-as=xml"))


def is_idle(shown: ET.Element) -> bool:
    """Whether the coordinator has nothing to do: `pending` alone would miss what it is about to begin."""
    coordinator = shown.find("summary/current_dc")
    if coordinator is None or not coordinator.get("name"):
        return False
    try:
        answer = run("crmadmin", "--status", coordinator.get("name", ""), "--output-as=xml")
    except ResourceError:
        return False
    return any(one.get("state") == "S_IDLE" for one in ET.fromstring(answer).iter())


def simulate(cib: ET.Element) -> ET.Element:
    """What would become of a CIB: nodes and resources after all that Pacemaker would do, as crm_mon shows them."""
    with tempfile.TemporaryDirectory(prefix="cairn-") as directory:
        name = os.path.join(directory, "cib")
        ET.ElementTree(cib).write(name, encoding="utf-8")
        answer = ET.fromstring(run("crm_simulate", "--simulate", "--xml-file", name, "--output-as=xml"))
    shown = answer.find("revised_cluster_status")
    if shown is None:
        raise ResourceError("crm_simulate does not say where VMs would run; is Pacemaker 2.1 or newer installed?")
    return shown


def resources(shown: ET.Element) -> dict[str, Object]:
    """The resources by id: agent, role that is and shall be, nodes, whether Pacemaker is still at work with them."""
    return {
        one.get("id", ""): {
            "agent": one.get("resource_agent"),
            "role": one.get("role"),
            "target_role": one.get("target_role", "Started"),
            "nodes": [node.get("name") for node in one.iterfind("node")],
            "blocked": one.get("blocked") == "true",
            "pending": one.get("pending"),
        }
        for one in shown.iterfind("resources//resource")
    }


def nodes(shown: ET.Element) -> dict[str, Object]:
    """The nodes by name: `online`, `standby`, `maintenance`, `unclean` and so on."""
    return {
        node.get("name", ""): {key: value == "true" for key, value in node.items() if value in {"true", "false"}}
        for node in shown.iterfind("nodes/node")
    }


def failures(shown: ET.Element) -> dict[str, str]:
    """The latest failure of each resource, in Pacemaker's words."""
    return {
        failure.get("op_key", "").rsplit("_", 2)[0]: f"{failure.get('task')} on {failure.get('node')}: "
        f"{failure.get('exitreason') or failure.get('exitstatus')}"
        for failure in shown.iterfind("failures/failure")
    }
