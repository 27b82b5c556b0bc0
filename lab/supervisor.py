"""Runs one node until it is powered off: starts systemd-nspawn or QEMU, plugs in its links, and again on reboot.

Started by power.py as a process of its own, with the node's directory as its argument.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import network
import qmp

REBOOTED = 133  # EXIT_FORCE_RESTART: what systemd-nspawn --keep-unit returns when its payload reboots
PLUG_TIMEOUT = 20.0


def plug_all(
    nics: list[dict[str, str]], unplugged: Path, process: subprocess.Popen[bytes], monitor: str | None
) -> None:
    """Attach the links as systemd-nspawn or QEMU makes them; segments named in ``unplugged`` stay cut.

    A machine sees a cable that is out only when its monitor (QMP) is told.
    """
    cables = network.cables(unplugged)
    deadline = time.monotonic() + PLUG_TIMEOUT
    for nic in nics:
        while not Path("/sys/class/net", nic["link"]).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                return
            time.sleep(0.02)
        cable = cables.get(nic["segment"], network.IN)
        network.plug(nic["link"], nic["bridge"], cable)
        if monitor and cable == network.OUT:
            qmp.execute(Path(monitor), "set_link", name=nic["link"], up=False)


def supervise(directory: Path) -> int:
    """Join the node's cgroup, then run the node; SIGTERM asks it to power off."""
    spec: dict[str, Any] = json.loads((directory / "node.json").read_text())
    Path(spec["cgroup"], "cgroup.procs").write_text(str(os.getpid()))
    process: subprocess.Popen[bytes] | None = None

    def power_off(_signal: int, _frame: FrameType | None) -> None:
        if process and spec.get("qmp"):
            qmp.execute(Path(spec["qmp"]), "system_powerdown")
        elif process:
            process.terminate()

    signal.signal(signal.SIGTERM, power_off)
    while True:
        for nic in spec["nics"]:
            network.discard(nic["link"])
        process = subprocess.Popen(spec["command"], env={**os.environ, **spec.get("environment", {})})
        plug_all(spec["nics"], directory / "unplugged", process, spec.get("qmp"))
        code = process.wait()
        if code != REBOOTED:
            return code


if __name__ == "__main__":
    sys.exit(supervise(Path(sys.argv[1])))
