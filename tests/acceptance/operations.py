"""Try every playbook of an operator on a running cluster, with times.

    python tests/acceptance/operations.py INVENTORY [TITLE]

The inventory is a lab's with three nodes, the busy guest ``web1`` (Debian, on the lab's bridge) and ten small VMs, the
hosts of the group ``small``; a node has room for all of them. Every try is an entry of TRIES: what is played, and what
must be seen in its output and in the cluster after it. What fails may leave the lab in disorder. TITLE begins there.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
SSH = ("ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
BUSY = "nohup sh -c 'while :; do dd if=/dev/zero of=/dev/shm/x bs=1M count=48; sync; done' >/dev/null 2>&1 &"
PING_SECONDS, BOOT_SECONDS = 0.05, 180.0
GUEST = "web1"


class Cluster:
    """The inventory, and the cluster that it has become."""

    def __init__(self, inventory: Path) -> None:
        self.inventory = inventory
        line = ("ansible-inventory", "-i", str(inventory), "--list")
        found = json.loads(subprocess.run(line, cwd=REPOSITORY, capture_output=True, check=True, text=True).stdout)
        self.vars: dict[str, Any] = found["_meta"]["hostvars"]
        self.nodes: list[str] = found["nodes"]["hosts"]
        self.small: list[str] = found["small"]["hosts"]

    def ask(self, host: str, command: str) -> str:
        """What a command prints on a machine."""
        own = self.vars[host]
        login = f"{own['ansible_user']}@{own['ansible_host']}"
        line = (*SSH, "-o", "ConnectTimeout=20", "-i", own["ansible_ssh_private_key_file"], login, command)
        return subprocess.run(line, capture_output=True, text=True, check=False).stdout

    def lab(self, *words: str) -> None:
        """Do something to the lab's machines."""
        line = (sys.executable, "lab/lab.py", *words, "-i", str(self.inventory))
        subprocess.run(line, cwd=REPOSITORY, check=True, capture_output=True)

    def line(self, playbook: str, *words: str) -> list[str]:
        """How a playbook is run."""
        return ["ansible-playbook", f"playbooks/{playbook}.yml", "-i", str(self.inventory), *words]

    def play(self, playbook: str, *words: str) -> tuple[int, str, float]:
        """Run a playbook: its status, its output, and the seconds that it took."""
        start = time.monotonic()
        done = subprocess.run(self.line(playbook, *words), cwd=REPOSITORY, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr, time.monotonic() - start

    def speaker(self) -> str:
        """A node that is up."""
        return next(node for node in self.nodes if self.ask(node, "true && echo up"))

    def where(self) -> dict[str, str]:
        """The node of each VM that runs, by the domains of all nodes."""
        return {vm: node for node in self.nodes for vm in self.ask(node, "virsh list --name").split()}

    def leftovers(self) -> list[str]:
        """What no playbook leaves: drained nodes, constraints for a while, notes of a campaign, flags."""
        node = self.speaker()
        cib = self.ask(node, "cibadmin --query --scope configuration")
        found = re.findall(r'id="((?:drained|moved)-[^"]+|cairn-stopped)"', cib)
        found += re.findall(r'name="(standby|cairn-reboot|cairn-update)"', cib)
        dump = json.loads(self.ask(node, "ceph osd dump --format json") or "{}")
        flags = set(dump.get("flags_set", [])) & {"noout", "norecover", "nobackfill", "norebalance"}
        return found + sorted(flags) + [f"noout of {host}" for host in dump.get("crush_node_flags", {})]


def echo(number: int) -> bytes:
    """An ICMP echo request (RFC 792)."""
    plain = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, number)
    total = sum(struct.unpack("!4H", plain))
    return struct.pack("!BBHHH", 8, 0, ~(total + (total >> 16)) & 0xFFFF, os.getpid() & 0xFFFF, number)


@contextmanager
def pinging(address: str) -> Iterator[list[float]]:
    """The longest time without an answer of a guest in seconds, put into the list at the end. Needs root."""
    gap: list[float] = []
    times, ended = [time.monotonic()], threading.Event()

    def ping() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire:
            wire.settimeout(PING_SECONDS)
            for number in itertools.count():
                if ended.wait(PING_SECONDS):
                    return
                wire.sendto(echo(number & 0xFFFF), (address, 0))
                with contextlib.suppress(TimeoutError):
                    while wire.recvfrom(1500)[1][0] != address:
                        pass
                    times.append(time.monotonic())

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield gap
    finally:
        ended.set()
        thread.join()
    gap.append(max(later - earlier for earlier, later in itertools.pairwise([*times, time.monotonic()])))


def expect(condition: object, what: str) -> None:
    """Raise AssertionError."""
    if not condition:
        raise AssertionError(what)


def succeed(cluster: Cluster, playbook: str, *words: str) -> tuple[str, float]:
    """Run a playbook that must succeed."""
    status, output, seconds = cluster.play(playbook, *words)
    expect(status == 0, f"{playbook} {' '.join(words)} failed:\n{output[-3000:]}")
    return output, seconds


def refuse(cluster: Cluster, sentence: str, playbook: str, *words: str) -> None:
    """Run a playbook that must say why it does nothing."""
    before = cluster.where()
    status, output, _seconds = cluster.play(playbook, *words)
    flat = re.sub(r"\s+", " ", output.replace("''", "'"))
    expect(status != 0 and re.search(sentence, flat), f"no {sentence!r} in\n{output[-3000:]}")
    expect(cluster.where() == before, "a VM has moved")


# -- the tries


def migration(cluster: Cluster) -> str:
    """A busy guest by live migration to each node in turn."""
    cluster.ask(GUEST, BUSY)
    boot = cluster.ask(GUEST, "cat /proc/sys/kernel/random/boot_id")
    gaps = []
    for node in [*cluster.nodes, cluster.nodes[0]]:
        with pinging(cluster.vars[GUEST]["ansible_host"]) as gap:
            succeed(cluster, "migrate", "-e", f"vms={GUEST}", "-e", f"to={node}")
        expect(cluster.where()[GUEST] == node, f"{GUEST} is not on {node}")
        gaps += gap
    expect(cluster.ask(GUEST, "cat /proc/sys/kernel/random/boot_id") == boot, "the guest was restarted")
    cluster.ask(GUEST, "pkill -f dev/shm/x; rm -f /dev/shm/x")
    return "longest silence per migration: " + ", ".join(f"{gap:.2f} s" for gap in gaps)


def gather(cluster: Cluster, node: str) -> None:
    """All small VMs on one node."""
    succeed(cluster, "migrate", "-e", f"vms={','.join(cluster.small)}", "-e", f"to={node}")


def in_parallel(cluster: Cluster) -> str:
    """Ten VMs drained in parallel, and one after the other, each until the last has left."""
    node, found = cluster.nodes[1], {}
    for limit in (1, 2, 5):
        gather(cluster, node)
        cluster.ask(cluster.nodes[0], f"crm_attribute --type crm_config --name migration-limit --update {limit}")
        output, _seconds = succeed(cluster, "drain", "-e", f"node={node}")
        expect(node not in {cluster.where().get(vm) for vm in cluster.small}, f"{node} is not empty")
        found[limit] = max(int(seconds) for seconds in re.findall(r"after (\d+) s", output))
        succeed(cluster, "undrain", "-e", f"node={node}")
        expect({cluster.where()[vm] for vm in cluster.small} == {node}, "not all VMs have come back")
    cluster.ask(cluster.nodes[0], "crm_attribute --type crm_config --name migration-limit --delete")
    # Where processors are emulated, they are full before the network is.
    expect(min(found[2], found[5]) < found[1], f"in parallel it is not faster: {found}")
    return ", ".join(f"{limit} at a time {seconds} s" for limit, seconds in found.items())


def bad_input(cluster: Cluster) -> str:
    """What is refused, in a sentence, before anything moves."""
    first, second, third = cluster.nodes
    cluster.ask(second, f"virsh create /dev/stdin <<'E'\n{DOMAIN}\nE")
    refuse(cluster, f"alone can't leave {second}: it has vm_node or vm_ha: false", "drain", "-e", f"node={second}")
    cluster.ask(second, "virsh destroy alone")
    refuse(cluster, "delta is no node of this cluster", "drain", "-e", "node=delta")
    refuse(cluster, "nobody can't be moved: it is no VM", "migrate", "-e", "vms=nobody")
    refuse(cluster, "can't go to delta: this cluster has only", "migrate", "-e", f"vms={GUEST}", "-e", "to=delta")
    for node in (second, third):
        refuse(cluster, "would be no quorum", "drain", "-e", f"node={node},{first}")
    succeed(cluster, "drain", "-e", f"node={second}")
    refuse(cluster, f"{second} is drained, so only 1 of 3 nodes would be left", "drain", "-e", f"node={third}")
    refuse(
        cluster, f"can't go to {second}: that node is drained", "migrate", "-e", f"vms={GUEST}", "-e", f"to={second}"
    )
    succeed(cluster, "undrain", "-e", f"node={second}")
    only = f'<rsc_location id="cairn-nodes-{GUEST}" rsc="vm-{GUEST}"><rule id="only" score="-INFINITY"><expression '
    only += f'id="one" attribute="#uname" operation="ne" value="{cluster.where()[GUEST]}"/></rule></rsc_location>'
    cluster.ask(first, f"cibadmin --create --scope constraints --xml-text '{only}'")
    refuse(cluster, "only .* may run it", "migrate", "-e", f"vms={GUEST}")
    cluster.ask(first, f"cibadmin --delete --scope constraints --xml-text '<rsc_location id=\"cairn-nodes-{GUEST}\"/>'")
    return "all refused"


def failed_migration(cluster: Cluster) -> str:
    """A live migration that fails is shown with its reason, and the VM runs afterwards."""
    vm, (first, second, _third) = cluster.small[0], cluster.nodes
    succeed(cluster, "migrate", "-e", f"vms={vm}", "-e", f"to={first}")
    certificate = "/etc/pki/qemu/server-cert.pem"
    cluster.ask(second, f"mv {certificate} {certificate}.away")
    status, output, _seconds = cluster.play("migrate", "-e", f"vms={vm}", "-e", f"to={second}")
    cluster.ask(second, f"mv {certificate}.away {certificate}")
    expect(f"{vm}: migrate_to failed on {first}" in output, output[-3000:])
    node = cluster.speaker()
    cluster.ask(node, f"crm_resource --cleanup --resource vm-{vm}; crm_resource --wait")
    expect(vm in cluster.where(), f"{vm} does not run")
    return f"shown, status {status}"


def boots(cluster: Cluster) -> dict[str, str]:
    """The boot of each node."""
    return {node: cluster.ask(node, "cat /proc/sys/kernel/random/boot_id").strip() for node in cluster.nodes}


def rolling_reboot(cluster: Cluster) -> str:
    """All nodes rebooted, the run killed while the second is away; none is rebooted twice, and no VM restarted."""
    before, guest = boots(cluster), cluster.ask(GUEST, "cat /proc/sys/kernel/random/boot_id")
    start = time.monotonic()
    second = cluster.nodes[1]
    with subprocess.Popen(
        cluster.line("rolling_reboot"), cwd=REPOSITORY, stdout=subprocess.DEVNULL, start_new_session=True
    ) as run:
        while run.poll() is None and boots(cluster)[second] == before[second]:
            time.sleep(2)
        os.killpg(run.pid, signal.SIGKILL)
    middle = boots(cluster)
    expect(middle[cluster.nodes[0]] != before[cluster.nodes[0]], "the first node was not rebooted")
    wait_up(cluster, second)
    middle = boots(cluster)
    succeed(cluster, "rolling_reboot")
    after = boots(cluster)
    expect(all(after[node] != before[node] for node in cluster.nodes), "a node was not rebooted")
    expect(after[cluster.nodes[0]] == middle[cluster.nodes[0]], "the first node was rebooted twice")
    expect(after[second] == middle[second], "the second node was rebooted twice")
    expect(cluster.ask(GUEST, "cat /proc/sys/kernel/random/boot_id") == guest, f"{GUEST} was restarted")
    return f"{time.monotonic() - start:.0f} s for three nodes, interrupted once"


def wait_up(cluster: Cluster, node: str) -> None:
    """Wait until a node answers."""
    deadline = time.monotonic() + BOOT_SECONDS
    while not cluster.ask(node, "echo up"):
        expect(time.monotonic() < deadline, f"{node} does not answer after {BOOT_SECONDS:.0f} s")
        time.sleep(2)


def rolling_update(cluster: Cluster) -> str:
    """A node that runs on a replaced library has its service restarted; the others are left alone."""
    before = boots(cluster)
    node = cluster.nodes[2]
    cluster.ask(node, "f=$(ls /usr/lib/x86_64-linux-gnu/libvirt.so.0.*); cp $f $f.new && mv $f.new $f")
    started = cluster.ask(node, "systemctl show -p ActiveEnterTimestampMonotonic libvirtd")
    _output, seconds = succeed(cluster, "rolling_update")
    expect(boots(cluster) == before, "a node was rebooted")
    expect(cluster.ask(node, "systemctl show -p ActiveEnterTimestampMonotonic libvirtd") != started, "not restarted")
    return f"{seconds:.0f} s"


def stop_and_start(cluster: Cluster) -> str:
    """The whole cluster stopped and switched off; too few nodes are refused, then all is started."""
    vms = set(cluster.where())
    _output, stopping = succeed(cluster, "cluster_stop", "-e", "poweroff=true")
    cluster.lab("start", cluster.nodes[0])
    wait_up(cluster, cluster.nodes[0])
    refuse(cluster, "Nothing was started: of 3 nodes only .* 2 are needed", "cluster_start", "-e", "wait=10")
    cluster.lab("start", "all")
    _output, starting = succeed(cluster, "cluster_start")
    expect(set(cluster.where()) == vms, "not all VMs run")
    return f"stopped and off in {stopping:.0f} s, started in {starting:.0f} s"


def power_cut(cluster: Cluster) -> str:
    """A power cut of all nodes, and the start after it."""
    vms = set(cluster.where())
    cluster.lab("kill", "all")
    cluster.lab("start", "all")
    _output, seconds = succeed(cluster, "cluster_start")
    expect(set(cluster.where()) == vms, "not all VMs run")
    return f"all VMs run after {seconds:.0f} s"


def site(cluster: Cluster) -> str:
    """site.yml does not undo a drain."""
    node = cluster.nodes[1]
    succeed(cluster, "drain", "-e", f"node={node}")
    _output, seconds = succeed(cluster, "site", "--tags", "ha,vm")
    expect(node not in cluster.where().values(), f"{node} has VMs again")
    succeed(cluster, "undrain", "-e", f"node={node}")
    return f"{seconds:.0f} s"


DOMAIN = "<domain type='qemu'><name>alone</name><memory unit='MiB'>32</memory><os><type>hvm</type></os></domain>"


@dataclass(frozen=True)
class Try:
    """One try, which returns its figure."""

    title: str
    function: Callable[[Cluster], str]


TRIES = (
    Try("live migration of a busy guest", migration),
    Try("ten VMs drained in parallel, and one after the other", in_parallel),
    Try("bad input", bad_input),
    Try("site.yml and a drained node", site),
    Try("a live migration that fails", failed_migration),
    Try("rolling reboot, interrupted", rolling_reboot),
    Try("rolling update", rolling_update),
    Try("stop and start", stop_and_start),
    Try("power cut", power_cut),
)


def main(inventory: Path, first: str | None) -> int:
    """Try everything from `first` on; the number of those that went wrong."""
    cluster, bad = Cluster(inventory), 0
    titles = [one.title for one in TRIES]
    for one in TRIES[titles.index(first) if first else 0 :]:
        start = time.monotonic()
        try:
            figure = one.function(cluster)
            left = cluster.leftovers()
            expect(not left, f"left behind: {', '.join(left)}")
            print(f"ok    {time.monotonic() - start:4.0f} s  {one.title}: {figure}", flush=True)
        except AssertionError as error:
            bad += 1
            print(f"WRONG {time.monotonic() - start:4.0f} s  {one.title}: {error}", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else None)))
