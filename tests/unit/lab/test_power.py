"""What a node's BMC makes of its power."""

from __future__ import annotations

import json
from pathlib import Path

import power
import pytest


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """The directory of a node whose cgroup is a directory of plain files."""
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "node.json").write_text(json.dumps({"cgroup": str(tmp_path / "cgroup")}))
    return tmp_path


def run_processes(node: Path, alive: bool) -> None:
    """Let processes of the node live."""
    (node / "cgroup/cgroup.events").write_text(f"populated {int(alive)}\nfrozen 0\n")


@pytest.mark.parametrize(("alive", "said"), [(True, "power:1\n"), (False, "power:0\n")])
def test_a_node_is_on_while_any_process_lives(
    node: Path, capsys: pytest.CaptureFixture[str], alive: bool, said: str
) -> None:
    run_processes(node, alive)
    power.chassis(node, "get", "power")
    assert capsys.readouterr().out == said


def test_off_kills_all_processes_and_does_not_wait(node: Path) -> None:
    run_processes(node, True)
    power.chassis(node, "set", "power", "0")
    assert (node / "cgroup/cgroup.kill").read_text() == "1"


@pytest.mark.parametrize("request_", [("set", "power", "0"), ("set", "reset", "1")])
def test_what_is_off_stays_off(node: Path, request_: tuple[str, ...]) -> None:
    run_processes(node, False)
    power.chassis(node, *request_)
    assert not (node / "cgroup/cgroup.kill").exists()


def test_what_is_on_is_not_started_again(node: Path) -> None:
    run_processes(node, True)
    power.chassis(node, "set", "power", "1")
    assert not (node / "supervisor.pid").exists()
