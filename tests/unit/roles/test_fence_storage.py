"""The fence agent of the storage: which OSDs it declares dead."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

AGENT = Path(__file__).parents[3] / "roles/ha/files/fence_cairn_storage.py"
OSDS = {0: "10.10.0.1", 1: "10.10.0.11", 2: "10.10.0.101", 3: "10.10.0.2", 4: "[fd00:10::3]"}


class Monitors:
    """They note the commands that change something."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def mon_command(self, text: str, _data: bytes) -> tuple[int, bytes, str]:
        command = json.loads(text)
        if command["prefix"] == "osd dump":
            osds = [{"osd": number, "up": 1, "public_addr": f"{ip}:6801/1"} for number, ip in OSDS.items()]
            return 0, json.dumps({"osds": osds, "blocklist": {}}).encode(), ""
        self.commands.append(command)
        return 0, b"", ""


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The agent, where there is no binding of Ceph."""
    monkeypatch.setitem(sys.modules, "rados", ModuleType("rados"))
    spec = importlib.util.spec_from_file_location("fence_cairn_storage", AGENT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("addresses", "dead"),
    [(["10.10.0.1"], ["0"]), (["10.10.0.1", "10.10.0.101"], ["0", "2"]), (["10.10.0.9"], [])],
)
def test_the_osds_of_a_node_and_of_its_storage_vm(agent: ModuleType, addresses: list[str], dead: list[str]) -> None:
    monitors = Monitors()
    agent.cut(monitors, "10.10.0.1", addresses)
    found = {command["prefix"]: command for command in monitors.commands}
    assert found["osd blocklist"]["addr"] == "10.10.0.1:0/0", "only who writes to disks is kept from it"
    assert found.get("osd down", {"ids": []})["ids"] == dead


def test_addresses_of_ipv6_have_brackets(agent: ModuleType) -> None:
    """Without them Ceph takes `fd00:10::3:0/0` for another address, and nobody is cut."""
    monitors = Monitors()
    agent.cut(monitors, "fd00:10::3", ["fd00:10::3"])
    found = {command["prefix"]: command for command in monitors.commands}
    assert found["osd blocklist"]["addr"] == "[fd00:10::3]:0/0"
    assert found["osd down"]["ids"] == ["4"]
    assert agent.blocked({"blocklist": {"[fd00:10::3]:0/0": "for ever"}}, "fd00:10::3")
