"""How a storage VM is kept running on its node."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
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
XML = f"<domain><devices>{''.join(map(DEVICE.format, ('03', '0a', '0b')))}</devices></domain>"


class LibvirtError(Exception):
    """What the binding raises."""


def store1(*active: bool) -> MagicMock:
    """A storage VM, and whether it runs, look by look."""
    return MagicMock(**{"name.return_value": "store1", "XMLDesc.return_value": XML, "isActive.side_effect": active})


def bind(device: Path, driver: str) -> None:
    """A PCI device and its driver, as sysfs shows them."""
    device.mkdir(exist_ok=True)
    (device / "driver").unlink(missing_ok=True)
    (device / "driver").symlink_to(f"../../drivers/{driver}")


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The program, on a node that has set 0000:03:00.0 aside for it, and not 0000:0b:00.0, another card by now."""
    monkeypatch.setitem(sys.modules, "libvirt", MagicMock(libvirtError=LibvirtError, VIR_DOMAIN_AFFECT_CONFIG=2))
    spec = importlib.util.spec_from_file_location("storage_vm", PROGRAM)
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    clock = iter(range(0, 10000, 10))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _seconds: None))
    bind(tmp_path / "0000:03:00.0", "vfio-pci")
    bind(tmp_path / "0000:0b:00.0", "nvme")
    monkeypatch.setattr(module, "DEVICES", tmp_path)
    monkeypatch.setattr(module, "notify", MagicMock())
    monkeypatch.setattr(module, "PROCESSES", tmp_path)
    monkeypatch.setattr(module, "OOM_SCORE_ADJUST", "500")
    return module


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What stands for QEMU: it ends when its input does."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as cat:
        (tmp_path / "store1.pid").write_text(f"{cat.pid}\n")
        yield cat


def started(program: Any, domain: MagicMock) -> bool:
    """Whether the program has started it."""
    return bool(program.start(MagicMock(**{"lookupByName.return_value": domain}), "store1"))


def test_it_starts_without_devices_that_it_can_not_have(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    domain = store1(*[False] * 8, True)
    domain.create.side_effect = [*[LibvirtError("not found")] * 7, None]
    assert started(program, domain)
    calls = domain.detachDeviceFlags.call_args_list
    assert [call.args[0].split('bus="0x')[1][:2] for call in calls] == ["0a", "0b"]
    assert {call.args[1] for call in calls} == {2}
    assert "store1 is started without 0000:0a:00.0, 0000:0b:00.0: not there" in capsys.readouterr().out


def test_what_can_not_start_otherwise_fails(program: Any, tmp_path: Path) -> None:
    for bus in ("0a", "0b"):
        bind(tmp_path / f"0000:{bus}:00.0", "vfio-pci")
    domain = store1(*[False] * 20)
    domain.create.side_effect = LibvirtError("no bridge")
    assert not started(program, domain)
    domain.detachDeviceFlags.assert_not_called()


def test_it_is_watched_until_it_ends(
    program: Any, process: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    def end(state: str) -> None:
        """It is said to be ready while QEMU runs, with less to fear than others; then QEMU ends."""
        assert (state, process.poll()) == ("READY=1", None)
        assert Path(f"/proc/{process.pid}/oom_score_adj").read_text() == "500\n"
        assert process.stdin
        process.stdin.close()

    program.notify.side_effect = end
    program.watch("store1")
    assert "store1 has ended" in capsys.readouterr().out
