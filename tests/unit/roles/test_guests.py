"""The start of a node's guests: not while another node has one's disk open."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/libvirt/files/cairn-guests.py"
XML = """<domain><devices>
<disk><source protocol="rbd" name="vms/web1.disk0"/></disk>
<disk><source file="/var/lib/libvirt/images/web1.seed.iso"/></disk>
</devices></domain>"""
OWN, OTHER = "10.10.0.1:0/1", "10.10.0.2:0/7"


@pytest.fixture
def guests(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, where there is no binding of Ceph; `watchers` is who has an image open, look by look."""
    for module_name in ("rados", "rbd", "libvirt"):
        base = type("Error", (Exception,), {})
        errors = {name: type(name, (base,), {}) for name in ("ObjectNotFound", "TimedOut", "Timeout", "libvirtError")}
        errors["Error"] = base
        constants = {"VIR_CONNECT_LIST_DOMAINS_AUTOSTART": 1, "VIR_CONNECT_LIST_DOMAINS_INACTIVE": 2}
        monkeypatch.setitem(sys.modules, module_name, MagicMock(**errors, **constants))
    spec = importlib.util.spec_from_file_location("cairn_guests", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    clock = iter(range(1000))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _seconds: None))
    return module


def watched(module: Any, looks: Iterator[list[str]]) -> Any:
    """What the binding says of an image's watchers; returns the class of images."""
    image = module.rbd.Image.return_value.__enter__.return_value
    image.watchers_list.side_effect = lambda: [{"addr": address} for address in next(looks)]
    return module.rbd.Image


@pytest.mark.parametrize(
    ("looks", "count"),
    [
        ([[OWN]], 1),
        ([[OWN, "10.10.0.1:0/9"]], 1),
        ([[OWN, OTHER], [OWN, OTHER], [OWN]], 3),
        ([["[fd00::1]:0/1", "[fd00::2]:0/1"], ["[fd00::1]:0/1"]], 2),
    ],
    ids=["nobody else", "what this node has left", "another node's time runs out", "IPv6"],
)
def test_it_waits_for_a_disk(guests: Any, looks: list[list[str]], count: int) -> None:
    image = watched(guests, iter(looks))
    guests.check_disks(XML)
    assert image.call_count == count
    assert {call.args[1] for call in image.call_args_list} == {"web1.disk0"}, "a file is nobody else's"


@pytest.fixture
def web1(guests: Any) -> MagicMock:
    """The one guest of the node."""
    domain = MagicMock(**{"XMLDesc.return_value": XML, "name.return_value": "web1"})
    guests.libvirt.open.return_value.__enter__.return_value.listAllDomains.return_value = [domain]
    return domain


def test_a_guest_that_runs_elsewhere_is_not_started(
    guests: Any, web1: MagicMock, capsys: pytest.CaptureFixture[str]
) -> None:
    watched(guests, iter(lambda: [OWN, OTHER], None))
    assert guests.start_guests("vms") == 1
    web1.create.assert_not_called()
    assert capsys.readouterr().out == "web1 can't be started: another node has its disks open\n"


@pytest.mark.parametrize(("binding", "error"), [("rados", "TimedOut"), ("rbd", "Timeout")])
def test_a_storage_that_falls_silent_again_is_waited_for(
    guests: Any, web1: MagicMock, binding: str, error: str
) -> None:
    """As after a power cut of all nodes, while the OSDs find each other."""
    silent = getattr(getattr(guests, binding), error)("timed out")
    opened = watched(guests, iter([[OWN]]))
    opened.side_effect = [silent, silent, opened.return_value]
    assert guests.start_guests("vms") == 0
    web1.create.assert_called_once_with()


def test_a_disk_that_is_not_there_is_said(guests: Any) -> None:
    guests.rbd.Image.side_effect = guests.rbd.Error("no such image")
    with pytest.raises(guests.Failure, match=r"its disks can't be had: no such image"):
        guests.check_disks(XML)
