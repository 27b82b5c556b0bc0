"""How a storage VM is kept running on its node."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/storage_vm/files/storage_vm.py"
DEVICE = (
    "<hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x{}' slot='0x00' function='0x0'/>"
    "</source></hostdev>"
)
XML = f"<domain><devices>{DEVICE.format('03')}{DEVICE.format('0a')}</devices></domain>"


class LibvirtError(Exception):
    """What the binding raises."""


def store1(*active: bool) -> MagicMock:
    """A storage VM, and whether it runs, look by look."""
    return MagicMock(**{"name.return_value": "store1", "XMLDesc.return_value": XML, "isActive.side_effect": active})


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The program, on a node that has the device 0000:03:00.0."""
    monkeypatch.setitem(sys.modules, "libvirt", MagicMock(libvirtError=LibvirtError, VIR_DOMAIN_AFFECT_CONFIG=2))
    spec = importlib.util.spec_from_file_location("storage_vm", PROGRAM)
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    clock = iter(range(0, 10000, 10))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _seconds: None))
    (tmp_path / "0000:03:00.0").mkdir()
    monkeypatch.setattr(module, "DEVICES", tmp_path)
    monkeypatch.setattr(module, "notify", MagicMock())
    return module


def kept(program: Any, domain: MagicMock) -> bool:
    """Whether the program ends well."""
    connection = MagicMock(**{"lookupByName.return_value": domain})
    return bool(program.keep(connection, "store1"))


def test_it_starts_without_a_device_that_is_dead(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    domain = store1(*[False] * 8, True, False)
    domain.create.side_effect = [*[LibvirtError("not found")] * 7, None]
    kept(program, domain)
    (call,) = domain.detachDeviceFlags.call_args_list
    assert 'bus="0x0a"' in call.args[0].replace("'", '"')
    assert call.args[1] == 2
    assert "store1 is started without 0000:0a:00.0, which this node has no more" in capsys.readouterr().out
    program.notify.assert_called_once_with("READY=1")


def test_what_can_not_start_otherwise_fails(program: Any, tmp_path: Path) -> None:
    (tmp_path / "0000:0a:00.0").mkdir()
    domain = store1(*[False] * 20)
    domain.create.side_effect = LibvirtError("no bridge")
    assert kept(program, domain) is False
    domain.detachDeviceFlags.assert_not_called()
    program.notify.assert_not_called()


def test_one_that_ends_is_started_again_by_systemd(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert kept(program, store1(True, True, True, False)) is False
    assert "store1 has ended" in capsys.readouterr().out
