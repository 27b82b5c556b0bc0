"""What is shown while VMs move, and what is missed at the end."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._progress import failures, lines, missing, places

from .conftest import resource

RESTARTED = "Pacemaker shuts the VM down and starts it where it may run"
BEFORE = {"web1": "node1", "web2": "node2", "db1": "stopped"}


@pytest.mark.parametrize(
    ("vms", "shown"),
    [
        ({"web1": resource("node1")}, []),
        ({"web1": resource("node2")}, ["web1: node1 -> node2 (after 4 s)"]),
        ({"web1": resource("node2", pending="Migrating")}, []),
        ({"web1": resource("node1", nodes=["node1", "node2"])}, []),
        ({"web1": resource("node2", role="Starting")}, []),
        ({"web1": resource(None)}, ["web1: node1 -> stopped (after 4 s)"]),
        ({"web1": resource(None, pending="Starting")}, []),
        ({"db1": resource("node3")}, ["db1: stopped -> node3 (after 4 s)"]),
        ({"new": resource("node3")}, ["new: stopped -> node3 (after 4 s)"]),
    ],
)
def test_a_line_for_each_vm_that_has_come_to_another_place(vms: dict[str, Any], shown: list[str]) -> None:
    assert lines(BEFORE, places(vms, BEFORE), 4.2) == shown


def operation(kind: str, when: int, reason: str = "no route") -> str:
    return (
        f'<lrm_rsc_op id="vm-web1_last_failure_0" operation="{kind}" operation_key="vm-web1_{kind}_0" rc-code="1" '
        f'on_node="node1" exit-reason="{reason}" last-rc-change="{when}"/>'
    )


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (operation("start", 99), []),
        (operation("start", 100), ["web1: start failed on node1 (no route)"]),
        (operation("start", 101, ""), ["web1: start failed on node1 (see journalctl -u pacemaker on node1)"]),
        (
            operation("migrate_to", 101),
            ["web1: migrate_to failed on node1 (no route); " + RESTARTED],
        ),
        (operation("migrate_to", 101).replace("last_failure", "migrate_to").replace('code="1"', 'code="0"'), []),
        (
            operation("migrate_to", 101, "").replace("last_failure", "migrate_to"),
            ["web1: migrate_to failed on node1 (see journalctl -u pacemaker on node1); " + RESTARTED],
        ),
        (operation("monitor", 101).replace("vm-web1_last", "fence-storage_last"), []),
    ],
)
def test_failures_since_the_change(text: str, sentences: list[str]) -> None:
    assert list(failures(ET.fromstring(f"<cib><status>{text}</status></cib>"), 100.0).values()) == sentences


def test_who_is_missed_at_the_end() -> None:
    vms = {"web1": resource(None), "off": resource(None, target_role="Stopped"), "web2": resource("node1")}
    assert missing(vms, {"vm-web1": "start on node1: no disk"}) == {
        "web1": "web1 does not run: start on node1: no disk; see 'crm_mon -1'."
    }
    assert missing(vms, {})["web1"] == "web1 does not run: no node may or can take it; see 'crm_mon -1'."
