"""The fence agent of the storage: what it asks the monitors for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[4] / "roles/ha/files/fence_cairn_storage.py"


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The agent as a module; what it asks of Ceph is none of its own functions."""
    monkeypatch.setitem(sys.modules, "rados", ModuleType("rados"))
    monkeypatch.setattr(sys.modules["rados"], "Rados", object, raising=False)
    spec = importlib.util.spec_from_file_location("fence_cairn_storage", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("address", "listed"), [("10.10.0.3", "10.10.0.3:0/0"), ("fd00:10::3", "[fd00:10::3]:0/0")], ids=["IPv4", "IPv6"]
)
def test_the_node_and_its_osds_are_cut(
    agent: ModuleType, monkeypatch: pytest.MonkeyPatch, address: str, listed: str
) -> None:
    host = listed.rpartition(":")[0]
    osds = [
        {"osd": 0, "up": 1, "public_addr": f"{host}:6801/77"},
        {"osd": 1, "up": 1, "public_addr": "10.10.0.9:6801/7"},
    ]
    dump = {"osds": osds, "blocklist": {listed: "for ever"}}
    asked: list[dict[str, Any]] = []

    def ask(_ceph: object, **command: Any) -> Any:
        asked.append(command)
        return dump

    monkeypatch.setattr(agent, "ask", ask)
    agent.cut(object(), address, [address])
    assert {"addr": listed, "ids": None} in [{"addr": one.get("addr"), "ids": one.get("ids")} for one in asked]
    assert ["0"] in [one.get("ids") for one in asked]
    assert agent.blocked(dump, address)
