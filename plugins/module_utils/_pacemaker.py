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
# Written by the role ha; Pacemaker does not start without it.
KEY = "/etc/corosync/authkey"
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
    if not os.path.exists(KEY):
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


def resources(shown: ET.Element) -> dict[str, Object]:
    """The resources by id: role, nodes, and whether Pacemaker is still at work with them."""
    return {
        one.get("id", ""): {
            "role": one.get("role"),
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
