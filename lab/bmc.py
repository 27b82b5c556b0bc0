"""A node's BMC: ipmi_sim, which speaks IPMI 2.0 on an address of this machine and turns the node's power off and on."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import power
from plan import Bmc, LabError

START_SECONDS = 20.0
# RMCP's presence ping (ASF 2.0, section 3.2.4.2), and where the type of the message is in it and in the answer.
PING = bytes.fromhex("0600ff06000011be80000000")
PONG, TYPE = 0x40, 8

# RMCP+ wants a GUID, and an authentication type for IPMI 1.5 even where only 2.0 is used.
LAN = """\
name "{name}"
set_working_mc 0x20
startlan 1
  addr {address} {port}
  priv_limit admin
  allowed_auths_user md5
  allowed_auths_operator md5
  allowed_auths_admin md5
  guid {guid}
endlan
chassis_control "{python} -IS {program} {directory}"
user 1 false "" "" user 1 none
user 2 true "{user}" "{password}" admin 10 md5
"""
BOARD = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n"


def start(bmc: Bmc, address: str, directory: Path, cgroup: Path) -> None:
    """Start the BMC of the node with that directory, unless it runs; raises LabError when it does not answer."""
    if power.running(cgroup):
        return
    power.remove(cgroup)
    cgroup.mkdir(parents=True)
    files = directory / "bmc"
    files.mkdir(exist_ok=True)
    (files / "lan.conf").write_text(
        LAN.format(
            name=directory.name,
            address=address,
            port=bmc.port,
            guid=bmc.port.to_bytes(16).hex(),
            python=sys.executable,
            program=Path(power.__file__).resolve(),
            directory=directory,
            user=bmc.user,
            password=bmc.password,
        )
    )
    (files / "board.emu").write_text(BOARD)
    command: list[str | Path] = ["ipmi_sim", "-n", "-c", files / "lan.conf", "-f", files / "board.emu", "-s", files]
    with (files / "log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    (cgroup / "cgroup.procs").write_text(str(process.pid))
    deadline = time.monotonic() + START_SECONDS
    while not answers(address, bmc.port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(f"the BMC of {directory.name} does not answer at {address}:{bmc.port}; see {files}/log")


def answers(address: str, port: int) -> bool:
    """Whether a BMC answers RMCP's ping."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)
        client.connect((address, port))
        try:
            client.send(PING)
            return client.recv(64)[TYPE] == PONG
        except (TimeoutError, ConnectionRefusedError):
            time.sleep(0.02)
            return False
