"""The cluster under test: its nodes, its guests, what is done to it and what it says."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import witness
from _path import ROOT
from acks import PORT, Acks, lost
from host import read_inventory, ssh_command
from locks import Locks
from network import IN
from plan import group_hosts
from sampler import Sampler

from lab import Lab

POLL_SECONDS = 0.25
COMMAND_SECONDS = 30.0
OFF_SECONDS = 300.0
ASKED_SECONDS = 90.0
SSH_SECONDS = 600.0
SSH_FAILED = 255  # ssh(1): its own exit status when it could not connect
FILE = "/var/lib/witness"
PROGRAM = "/usr/local/lib/witness.py"
# Without the default dependencies it writes before cloud-init and the network are ready.
UNIT = """\
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service
Conflicts=shutdown.target
Before=shutdown.target
[Service]
ExecStart=/usr/bin/python3 -IS {program} {file} {name} {address} {port}
Restart=always
[Install]
WantedBy=sysinit.target
"""
BLOCK = 4096


class Failure(Exception):
    """One sentence that says what did not come to be."""


def wait(what: Callable[[], list[str]], seconds: float) -> float:
    """Wait until nothing is left of what is not yet so; return the seconds that it took."""
    start = time.monotonic()
    while left := what():
        if time.monotonic() - start > seconds:
            raise Failure(f"after {seconds:.0f} s {'; '.join(left)}")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - start


class Cluster:
    """A converged lab with its guests, watched."""

    def __init__(self, inventory: Path, group: str = "vms", slow: float = 1) -> None:
        """Read the inventory and begin to watch the guests of a group, on nodes that are so many times slower."""
        self.seconds = COMMAND_SECONDS * slow
        self.lab = Lab(inventory)
        self.lab.require_up()
        self.nodes = {node.name: node for node in self.lab.plan.nodes}
        listed = read_inventory(inventory)
        variables = listed["_meta"]["hostvars"]
        self.guests = {name: str(variables[name]["ansible_host"]) for name in group_hosts(listed, group)}
        self.users = {name: str(variables[name]["ansible_user"]) for name in self.guests}
        self.acks = Acks(str(self.lab.gateway))
        self.sampler = Sampler(self.lab.plan.lab_id)
        self.locks = Locks({name: self._ssh(name) for name in self.nodes}, list(self.guests), slow)
        self.checked = dict.fromkeys(self.guests, 1)
        self.addresses = {address: name for name in self.nodes for address in self._addresses(name)}
        self.pacemaker = not self.on(next(iter(self.nodes)), "systemctl is-active pacemaker").returncode

    def __enter__(self) -> Cluster:
        """Watched until the end of the block."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Watch no more."""
        for watcher in (self.locks, self.sampler, self.acks):
            watcher.close()

    # -- nodes and guests

    def _ssh(self, name: str) -> list[str]:
        node = self.nodes.get(name)
        if node:
            return ssh_command(node.address.partition("/")[0])
        return ssh_command(self.guests[name], self.users[name])

    def on(self, name: str, command: str, *, stdin: bytes = b"", seconds: float = 0) -> Any:
        """Run a command on a node, or in a guest; the result has returncode and stdout."""
        line = ["timeout", str(seconds or self.seconds), *self._ssh(name), command]
        return subprocess.run(line, input=stdin, capture_output=True, check=False)

    def _addresses(self, name: str) -> list[str]:
        links = json.loads(self.on(name, "ip -json -4 address").stdout or "[]")
        return [str(entry["local"]) for link in links for entry in link["addr_info"]]

    def ask(self, command: str) -> str:
        """What a node says, the first that answers; empty when none does."""
        for name, node in self.nodes.items():
            if self.lab.driver.running(node) and not self.lab.driver.unplugged(node):
                done = self.on(name, command)
                if not done.returncode:
                    return str(done.stdout.decode())
        return ""

    # -- the witness

    def install_witness(self) -> None:
        """Put the witness into all guests and start it."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._install_witness, self.guests))

    def _install_witness(self, name: str) -> None:
        unit = UNIT.format(program=PROGRAM, file=FILE, name=name, address=self.lab.gateway, port=PORT)
        # cloud-init has done its work; without it a guest under emulation boots in half the time.
        script = (
            f"touch /etc/cloud/cloud-init.disabled && cat > {PROGRAM}"
            f" && printf %s {shlex.quote(unit)} > /etc/systemd/system/witness.service"
            " && systemctl daemon-reload && systemctl enable -q witness && systemctl restart witness && sync"
        )
        program = Path(witness.__file__).read_bytes()
        done = self._login(name, f"sudo sh -c {shlex.quote(script)}", stdin=program)
        if done.returncode:
            raise Failure(f"{name}: the witness could not be installed: {done.stderr.decode().strip()}")

    def _login(self, name: str, command: str, stdin: bytes = b"") -> Any:
        """Run a command as soon as SSH lets us in: a guest may still boot, or be slow to answer on a busy machine."""
        tries: list[Any] = []

        def attempt() -> list[str]:
            tries.append(self.on(name, command, stdin=stdin, seconds=120))
            return [f"{name} does not answer on SSH"] if tries[-1].returncode == SSH_FAILED else []

        wait(attempt, SSH_SECONDS)
        return tries[-1]

    def lost(self, name: str) -> list[str]:
        """What a guest's disk has lost of what it acknowledged since this was asked last."""
        acks = list(self.acks.of[name])
        first = (self.checked[name] - 1) // (BLOCK // witness.SIZE)
        # Past the guest's cache, which knows what its disk may have forgotten.
        read = f"sudo dd if={FILE} iflag=direct bs={BLOCK} skip={first} status=none"
        done = self._login(name, read)
        if done.returncode:
            return [f"its file cannot be read: {done.stderr.decode().strip()}"]
        self.checked[name] = acks[-1].record.number if acks else 1
        return lost(acks, done.stdout, first * (BLOCK // witness.SIZE) + 1)

    # -- what is so

    def places(self) -> dict[str, frozenset[str]]:
        """Where the guests are."""
        return {name: self.sampler.nodes(name) for name in self.guests}

    def holder(self, guest: str) -> str:
        """The node that has a guest's disk open, as Ceph says: also where its process can't be seen from here."""
        wait(lambda: [] if self.locks.of[guest] else [f"nobody has the disk of {guest} open"], SSH_SECONDS)
        return self.addresses.get(self.locks.of[guest][-1].address, "")

    def silent(self, seconds: float = 2.0) -> list[str]:
        """The guests that have not answered lately."""
        now = time.monotonic()
        return [f"{name} does not answer" for name in self.guests if not self.acks.since(name, now - seconds)]

    def dc(self) -> str:
        """Pacemaker's DC."""
        found = ElementTree.fromstring(self.ask("crm_mon -1 --output-as=xml") or "<x/>").find(".//current_dc")
        return found.get("name", "") if found is not None else ""

    def leader(self) -> str:
        """The leader of Ceph's monitors."""
        return str(json.loads(self.ask("ceph quorum_status -f json") or "{}").get("quorum_leader_name", ""))

    def ill(self) -> list[str]:
        """Why the cluster is not healthy."""
        return self.silent() or self._ill_nodes() or self._ill_ceph() or self._ill_pacemaker()

    def _ill_nodes(self) -> list[str]:
        return [f"{name} is off" for name, node in self.nodes.items() if not self.lab.driver.running(node)]

    def _ill_ceph(self) -> list[str]:
        text = self.ask(f"timeout {self.seconds / 3:.0f} ceph health -f json")
        if not text:
            return ["Ceph does not answer"]
        # Ceph warns of slow heartbeats for a quarter of an hour after they were slow.
        return [f"Ceph: {check}" for check in json.loads(text)["checks"] if "SLOW_PING" not in check]

    def _ill_pacemaker(self) -> list[str]:
        if not self.pacemaker:
            return []
        text = self.ask("crm_mon -1 --output-as=xml")
        if not text:
            return ["Pacemaker does not answer"]
        nodes = ElementTree.fromstring(text).findall("./nodes/node")
        wanted = {"online": "true", "pending": "false", "unclean": "false", "standby": "false", "maintenance": "false"}
        wrong = [
            f"{node.get('name')} is not {'' if value == 'true' else 'without '}{key}"
            for node in nodes
            for key, value in wanted.items()
            if node.get(key) != value
        ]
        return wrong or ([] if len(nodes) >= len(self.nodes) else ["Pacemaker does not know all nodes"])

    # -- what is done to it

    def kill(self, *names: str) -> None:
        """Power cut of nodes, at once."""
        self.lab.driver.kill([self.nodes[name] for name in names])

    def kill_bmc(self, *names: str) -> None:
        """The BMCs of nodes lose power."""
        self.lab.driver.kill_bmc([self.nodes[name] for name in names])

    def cable(self, how: str, names: tuple[str, ...], segments: set[str] | None = None) -> None:
        """Cut nodes off, or plug them in again."""
        for name in names:
            self.lab.driver.connect(self.nodes[name], segments or set(self.lab.plan.segments), how)

    def start(self, *names: str) -> None:
        """Boot nodes that are off, with their BMCs, and wait for SSH."""
        self.lab.start([self.nodes[name] for name in names])

    def kill_qemu(self, guest: str) -> None:
        """The process of a guest dies."""
        for pid in self.sampler.pids(guest):
            os.kill(pid, signal.SIGKILL)

    def heal(self) -> None:
        """All cables in, all nodes on."""
        self.cable(IN, tuple(self.nodes))
        self.start(*self.nodes)

    def wait_off(self, *names: str) -> None:
        """Wait until nodes that were asked to power off have done so."""
        running = self.lab.driver.running
        wait(lambda: [f"{name} is still on" for name in names if running(self.nodes[name])], OFF_SECONDS)

    def wait_asked(self, name: str) -> None:
        """Wait until another node asks the BMC of a node whether it is well, which it does every minute."""
        others = [other for other in self.nodes if other != name]
        asks = f"pgrep -f '^/usr/bin/ipmitool .* -p {self.nodes[name].bmc.port} '"
        unasked = [f"nobody asks the BMC of {name}"]
        wait(lambda: [] if any(not self.on(other, asks).returncode for other in others) else unasked, ASKED_SECONDS)

    def logs(self, name: str, since: float) -> None:
        """Keep the journals of the nodes since a time (time.time), under a fault's name."""
        directory = ROOT / "build/faults" / name
        directory.mkdir(parents=True, exist_ok=True)
        for node in self.nodes:
            journal = self.on(node, f"journalctl -o short-precise --since=@{since:.0f}").stdout
            (directory / f"{node}.log").write_bytes(journal)
