"""The agent ocf:cairn:vm: what a monitor says of what libvirt has written, with a real process in the place of QEMU."""

from __future__ import annotations

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

AGENT = Path(__file__).parents[3] / "roles/ha/files/vm.sh"
SUCCESS, ERROR, UNIMPLEMENTED, UNCONFIGURED, NOT_RUNNING = 0, 1, 3, 6, 7
STATUS = """<!--
WARNING: THIS IS AN AUTO-GENERATED FILE.
-->

<domstatus state='{state}' reason='{reason}' pid='{pid}'>
  <monitor path='/var/lib/libvirt/qemu/domain-1-web1/monitor.sock' type='unix'/>
  <job type='none' async='{job}'/>
  <domain type='kvm' id='1'>
</domstatus>
"""
Agent = Callable[..., int]


@pytest.fixture
def qemu(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is called as a guest's is."""
    program = tmp_path / "qemu-system-x86"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """Run the agent on files below tmp_path; its helper and Pacemaker's tool write down how they are called."""
    text = AGENT.read_text(encoding="utf-8")
    for path in ("/run/libvirt/qemu", "/var/log/libvirt/qemu"):
        (tmp_path / path[1:]).mkdir(parents=True)
        text = text.replace(path, str(tmp_path / path[1:]))
    script = tmp_path / "vm"
    script.write_text(text.replace('exec /usr/bin/python3 -I "$HELPER"', f'exec echo "$@" >> {tmp_path}/called; echo'))
    tool = tmp_path / "crm_resource"
    tool.write_text(f'#!/bin/sh\necho crm_resource "$@" >> {tmp_path}/called\n')
    tool.chmod(0o755)

    def run(action: str, name: str | None = "web1", **environment: str) -> int:
        given = {"OCF_RESKEY_name": name} if name is not None else {}
        environment |= given | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "OCF_RESOURCE_INSTANCE": "vm-web1"}
        return subprocess.run(["sh", script, action], env=environment, check=False, capture_output=True).returncode

    return run


def called(tmp_path: Path) -> str:
    path = tmp_path / "called"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def write_status(tmp_path: Path, pid: int, state: str = "running", reason: str = "booted", job: str = "none") -> None:
    path = tmp_path / "run/libvirt/qemu/web1.xml"
    path.write_text(STATUS.format(state=state, reason=reason, pid=pid, job=job), encoding="utf-8")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (("running", "booted"), SUCCESS),
        (("running", "migrated"), SUCCESS),
        (("running", "booted", "migration out"), SUCCESS),
        (("paused", "user"), SUCCESS),
        (("paused", "migration", "migration out"), SUCCESS),
        (("paused", "migration", "migration in"), NOT_RUNNING),
        (("crashed", "panicked"), ERROR),
    ],
)
def test_monitor(
    agent: Agent, qemu: subprocess.Popen[bytes], tmp_path: Path, status: tuple[str, ...], expected: int
) -> None:
    write_status(tmp_path, qemu.pid, *status)
    assert agent("monitor") == expected
    assert called(tmp_path) == ""


def test_an_io_error_is_resumed(agent: Agent, qemu: subprocess.Popen[bytes], tmp_path: Path) -> None:
    write_status(tmp_path, qemu.pid, "paused", "ioerror")
    assert agent("monitor") == SUCCESS
    assert called(tmp_path) == "resume web1"


def test_never_started(agent: Agent, tmp_path: Path) -> None:
    assert agent("monitor") == NOT_RUNNING
    assert agent("stop") == SUCCESS
    assert called(tmp_path) == ""


def test_a_dead_process_is_not_running_whatever_libvirt_wrote(
    agent: Agent, qemu: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    qemu.kill()
    qemu.wait()
    write_status(tmp_path, qemu.pid)
    assert agent("monitor") == NOT_RUNNING


def test_a_number_that_another_process_has_by_now_is_not_running(agent: Agent, tmp_path: Path) -> None:
    write_status(tmp_path, os.getpid())
    assert agent("monitor") == NOT_RUNNING


def test_a_guest_whose_status_libvirt_has_not_written_yet_runs(
    agent: Agent, qemu: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (tmp_path / "run/libvirt/qemu/web1.pid").write_text(f"{qemu.pid}", encoding="utf-8")
    assert agent("monitor") == SUCCESS
    assert agent("start") == SUCCESS
    assert called(tmp_path) == ""


@pytest.mark.parametrize(
    ("reason", "policy", "stops"),
    [
        ("shutdown", {}, True),
        ("shutdown", {"OCF_RESKEY_guest_shutdown": "stop"}, True),
        ("shutdown", {"OCF_RESKEY_guest_shutdown": "restart"}, False),
        ("crashed", {}, False),
        # A probe looks where the VM may never have been.
        ("shutdown", {"OCF_RESKEY_CRM_meta_interval": "0"}, False),
    ],
)
def test_a_shutdown_from_inside(agent: Agent, tmp_path: Path, reason: str, policy: dict[str, str], stops: bool) -> None:
    log = tmp_path / "var/log/libvirt/qemu/web1.log"
    log.write_text(f"2026-11-21 07:26:07.818+0000: shutting down, reason={reason}\n", encoding="utf-8")
    assert agent("monitor", **{"OCF_RESKEY_CRM_meta_interval": "10000"} | policy) == NOT_RUNNING
    assert ("target-role" in called(tmp_path)) == stops


def test_start_and_stop_call_the_helper(agent: Agent, qemu: subprocess.Popen[bytes], tmp_path: Path) -> None:
    agent("start")
    write_status(tmp_path, qemu.pid)
    agent("stop")
    assert called(tmp_path).splitlines() == ["start web1", f"stop web1 {qemu.pid}"]


@pytest.mark.parametrize(("name", "expected"), [("web1", SUCCESS), ("../web1", UNCONFIGURED), ("", UNCONFIGURED)])
def test_validate(agent: Agent, name: str, expected: int) -> None:
    assert agent("validate-all", name) == expected


def test_other_actions(agent: Agent) -> None:
    assert agent("promote") == UNIMPLEMENTED
    assert agent("validate-all", OCF_RESKEY_guest_shutdown="perhaps") == UNCONFIGURED


def test_metadata_names_what_the_agent_can_do() -> None:
    shown = subprocess.run(["sh", AGENT, "meta-data"], check=True, capture_output=True, text=True).stdout
    actions = {action.get("name") for action in ET.fromstring(shown).iterfind("actions/action")}
    assert actions == {
        "start",
        "stop",
        "monitor",
        "migrate_to",
        "migrate_from",
        "meta-data",
        "validate-all",
        "reload-agent",
    }
