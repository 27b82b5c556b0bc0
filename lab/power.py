"""A node's power: whether it is on, power cut, power on; and the program that its BMC calls for that.

    power.py DIRECTORY get power | set power 0 | set power 1 | set reset 1 | set shutdown 1

That is how ipmi_sim calls its chassis_control (lanserv/bmc.c and extcmd.c of OpenIPMI). It does nothing else until the
program has ended, and Pacemaker waits for it: so this imports little and never waits.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def running(cgroup: Path) -> bool:
    """Whether any process of a node is alive."""
    events = cgroup / "cgroup.events"
    return events.exists() and "populated 1" in events.read_text()


def cut(cgroup: Path) -> None:
    """SIGKILL all processes of a cgroup and its children at once."""
    (cgroup / "cgroup.kill").write_text("1")


def remove(cgroup: Path) -> None:
    """Remove the cgroup of a node that is off.

    A cgroup that was killed once is not used again: Linux 6.18 kills processes that systemd clones into it later,
    for their cgroup's count of kills (``kill_seq``) differs from their parent's.
    """
    for directory, _, _ in os.walk(cgroup, topdown=False):
        Path(directory).rmdir()


def boot(directory: Path) -> None:
    """Start the supervisor of a node that is off; ``directory`` has the node's files."""
    cgroup = _cgroup(directory)
    with (directory / "power.lock").open("w") as lock, (directory / "console.log").open("ab") as console:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if running(cgroup):
            return
        remove(cgroup)
        cgroup.mkdir(parents=True)
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("supervisor.py")), str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            cwd="/",
        )
        # It joins by itself, too; now, so that the node counts as running from here on.
        (cgroup / "cgroup.procs").write_text(str(process.pid))
        (directory / "supervisor.pid").write_text(str(process.pid))


def shut_down(directory: Path) -> None:
    """Ask a node to power off in order."""
    supervisor = (directory / "supervisor.pid").read_text()
    cgroup = _cgroup(directory)
    if running(cgroup) and supervisor in (cgroup / "cgroup.procs").read_text().split():
        os.kill(int(supervisor), signal.SIGTERM)


def reset(directory: Path) -> None:
    """Cut the power, and boot when all processes are gone; the caller does not wait for that."""
    cgroup = _cgroup(directory)
    if not running(cgroup):
        return
    cut(cgroup)
    if os.fork():
        return
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # ipmi_sim reads the output to its end.
        os.dup2(nothing, stream)
    while running(cgroup):
        time.sleep(0.02)
    boot(directory)


def _cgroup(directory: Path) -> Path:
    return Path(json.loads((directory / "node.json").read_text())["cgroup"])


def chassis(directory: Path, *request: str) -> None:
    """Do what the BMC was asked for."""
    cgroup = _cgroup(directory)
    if request == ("get", "power"):
        print(f"power:{int(running(cgroup))}")
    elif request == ("set", "power", "1"):
        boot(directory)
    elif request == ("set", "power", "0") and running(cgroup):
        cut(cgroup)
    elif request[:2] == ("set", "reset"):
        reset(directory)
    elif request[:2] == ("set", "shutdown"):
        shut_down(directory)


if __name__ == "__main__":
    chassis(Path(sys.argv[1]), *sys.argv[2:])
