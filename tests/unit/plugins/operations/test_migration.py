"""Live migrations: what is refused before anything moves, and what is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import VMS, Pacemaker, cib

Run = Callable[..., dict[str, Any]]


def test_a_vm_is_drawn_to_a_node_and_stays_there(pacemaker: Pacemaker, run_module: Run) -> None:
    pacemaker.would = {"web1": "node3"}
    assert run_module("migration", name="web1", to="node3")["changed"]
    assert pacemaker.constraints() == {"moved-web1": ("vm-web1", "node3", "15000")}
    assert not run_module("migration", name="web1", to="node3")["changed"]
    assert run_module("migration_info")["migrations"] == [{"name": "web1", "node": "node1", "to": "node3"}]
    assert run_module("migration", name="web1", state="absent")["changed"]
    assert pacemaker.constraints() == {}


def test_pacemaker_chooses_where_no_node_is_named(pacemaker: Pacemaker, run_module: Run) -> None:
    pacemaker.would = {"web2": "node3", "db1": "node1"}
    result = run_module("migration", migrations=[{"name": "web2"}, {"name": "db1"}])
    assert {one["name"]: one["to"] for one in result["migrations"]} == {"web2": "node3", "db1": "node1"}
    assert pacemaker.patches == 1


def test_a_vm_that_is_there_stays(pacemaker: Pacemaker, run_module: Run) -> None:
    assert not run_module("migration", name="web1", to="node1")["changed"]


def test_an_interrupted_migration_goes_on(pacemaker: Pacemaker, run_module: Run) -> None:
    pacemaker.would = {"web1": "node3"}
    run_module("migration", name="web1", to="node3")
    pacemaker.would = {}
    assert not run_module("migration", name="web1")["changed"]


def test_check_mode(pacemaker: Pacemaker, run_module: Run) -> None:
    pacemaker.would = {"web1": "node3"}
    result = run_module("migration", name="web1", to="node3", check_mode=True)
    assert (result["changed"], pacemaker.patches) == (True, 0)


@pytest.mark.parametrize(
    ("name", "to", "sentence"),
    [
        (
            "web9",
            "node1",
            "web9 can't be moved: it is no VM that the cluster looks after (unknown, or with vm_node or vm_ha: false, "
            "which keep a VM on its node).",
        ),
        ("web1", "node9", "web1 can't go to node9: this cluster has only node1, node2, node3."),
        ("web1", "node3", "web1 can't go to node3: that node is offline."),
        ("off1", "node2", "off1 can't be moved: it does not run."),
        ("web2", "node1", "web2 can't go to node1: only node2 may run it (vm_nodes, or the networks that it has)."),
        ("web2", None, "web2 can't leave node2: only node2 may run it (vm_nodes, or the networks that it has)."),
    ],
)
def test_refused(pacemaker: Pacemaker, run_module: Run, name: str, to: str | None, sentence: str) -> None:
    pacemaker.vms["off1"] = None
    pacemaker.cib = cib(pacemaker.vms, only={"web2": ["node2"]})
    pacemaker.offline = {"node3"}
    assert run_module("migration", name=name, to=to)["msg"] == sentence
    assert pacemaker.patches == 0


def test_a_drained_node_takes_none(pacemaker: Pacemaker, run_module: Run) -> None:
    pacemaker.would = dict.fromkeys(VMS, "node1")
    run_module("cluster_node", name="node2", availability="drained")
    assert run_module("migration", name="web1", to="node2")["msg"] == "web1 can't go to node2: that node is drained."


def test_a_node_whose_libvirt_does_not_answer(pacemaker: Pacemaker, run_module: Run) -> None:
    # A live migration that fails would restart the guest.
    pacemaker.would, pacemaker.silent = {"web1": "node3"}, "libvirt does not answer"
    message = run_module("migration", name="web1", to="node3")["msg"]
    assert (message, pacemaker.patches) == ("web1 can't go to node3: libvirt does not answer.", 0)
