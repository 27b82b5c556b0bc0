"""Edit the inventory of a running cluster, run site.yml, and see that it did that and nothing else.

    python tests/acceptance/edits.py INVENTORY

The inventory has at least three nodes, the bridge lan and one VM, ``app`` or $GUEST, with vm_node and a disk of 4GiB.
Every edit is an entry of EDITS: what is set in the inventory, the tasks that may change something, what the run's diffs
must show, and what the guest and the nodes must show afterwards. An emulated guest does not see a new vcpu before its
next start (Linux takes them only where it sees a hypervisor), so that is asked of libvirt.
The edited inventory is INVENTORY-edited: Ansible knows YAML without an extension.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
GUEST, HOME, AWAY = os.environ.get("GUEST", "app"), 1, 2
SSH = ("ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
BOOT, UUID = "cat /proc/sys/kernel/random/boot_id", 36


@dataclass(frozen=True)
class Edit:
    """One edit. Paths have dots; ``None`` removes. Each pattern of ``diff`` must be in the run's diffs.

    ``tasks`` are those that change something: all of them, and no other. With ``room`` the VM takes more or less
    of its node, and Pacemaker, where there is one, is told of the rest.
    """

    title: str
    sets: dict[str, Any]
    tasks: frozenset[str] = frozenset()
    diff: tuple[str, ...] = ()
    guest: dict[str, str] = field(default_factory=dict)
    node: dict[str, str] = field(default_factory=dict)
    says: str = ""
    boots: bool = False
    answers: bool = True
    room: bool = False


NETWORK = frozenset(
    {
        "cairn.hci.network : Change the network of the first node, and prove that it is still there",
        "cairn.hci.network : Change the network of the other nodes",
    }
)
ROOM = frozenset({"cairn.hci.ha : Configure the cluster, and how its nodes are fenced"})
IMAGES = frozenset({"cairn.hci.vm : Import images, clone and grow disks"})
SEEDS = frozenset({"cairn.hci.vm : Write the cloud-init seeds"})
DOMAINS = frozenset({"cairn.hci.vm : Define, change, start and stop the virtual machines of each node"})
TRASH = frozenset({"cairn.hci.vm : Move the disks of removed virtual machines to the trash, where that is wanted"})
NO_SEEDS = frozenset({"cairn.hci.vm : Remove the seeds of removed virtual machines"})
VM = f"vms.hosts.{GUEST}"
TINY = "vms.hosts.tiny"
ROOT, DATA = {"size": "4GiB"}, {"size": "1GiB"}
LAN = {"network": "lan"}
BLUE, AUX = {"network": "blue", "address": "172.16.0.5/24"}, {"network": "aux", "address": "172.17.0.5/24"}
XML = f"virsh dumpxml {GUEST}"
EDITS = (
    Edit("nothing", {}),
    Edit(
        "more memory",
        {f"{VM}.vm_memory": "512MiB"},
        DOMAINS,
        (r"\+ memory: 512MiB",),
        {"grep MemTotal /proc/meminfo": r" 4\d{5} kB"},
        room=True,
    ),
    Edit(
        "a vcpu",
        {f"{VM}.vm_vcpus": 2},
        DOMAINS,
        (r"\+ vcpus: 2",),
        node={f"virsh vcpucount {GUEST} --live --current": "^2$"},
        room=True,
    ),
    Edit(
        "a further disk",
        {f"{VM}.vm_disks": [ROOT, DATA]},
        IMAGES | DOMAINS,
        (rf"{GUEST}\.disk1", r"disks\.disk1"),
        {"lsblk -bdno SIZE": "^ *1073741824$"},
    ),
    Edit(
        "a larger disk",
        {f"{VM}.vm_disks": [ROOT, {"size": "2GiB"}]},
        IMAGES | DOMAINS,
        (r"\+ size: 2147483648",),
        {"lsblk -bdno SIZE": "^ *2147483648$"},
    ),
    Edit(
        "a limit of I/O",
        {f"{VM}.vm_disks": [ROOT, {"size": "2GiB", "iops": 500}]},
        DOMAINS,
        (r"disks\.disk1\.iops: 500",),
        node={f"virsh blkdeviotune {GUEST} vdc": r"total_iops_sec\s*: 500"},
    ),
    Edit(
        "an interface on a new overlay",
        {"nodes.vars.network_overlays": {"blue": {"vni": 100}}, f"{VM}.vm_nics": [LAN, BLUE]},
        NETWORK | SEEDS | DOMAINS,
        ("blue",),
        {"ls /sys/class/net | grep -cv lo": "^2$"},
        {XML: "bridge='blue'"},
    ),
    Edit(
        "an interface on a second bridge",
        {"nodes.vars.network_bridges.aux": {"ports": [], "addresses": []}, f"{VM}.vm_nics": [LAN, BLUE, AUX]},
        NETWORK | SEEDS | DOMAINS,
        ("aux",),
        {"ls /sys/class/net | grep -cv lo": "^3$"},
        {XML: "bridge='aux'"},
    ),
    Edit(
        "an interface and a disk less",
        {f"{VM}.vm_nics": [LAN, BLUE], f"{VM}.vm_disks": [ROOT]},
        SEEDS | DOMAINS,
        (r"\+ nics\.aux: null", r"\+ disks\.disk1: null"),
        {"ls /sys/class/net | grep -cv lo": "^2$", "lsblk -dno NAME | wc -l": "^2$"},
        {"rbd ls vms": rf"{GUEST}\.disk1"},
    ),
    Edit(
        "paused",
        {f"{VM}.vm_power": "paused"},
        DOMAINS,
        (r"\+ power: paused",),
        node={f"virsh domstate {GUEST}": "paused"},
        answers=False,
    ),
    Edit(
        "running again",
        {f"{VM}.vm_power": None},
        DOMAINS,
        (r"\+ power: running",),
        node={f"virsh domstate {GUEST}": "running"},
    ),
    Edit(
        "a change that needs a restart waits",
        {f"{VM}.vm_watchdog": True},
        DOMAINS,
        (r"\+ watchdog: true",),
        says=f"{GUEST}: watchdog will change",
    ),
    Edit(
        "vm_restart: allowed",
        {f"{VM}.vm_restart": "allowed"},
        DOMAINS,
        ("- watchdog",),
        guest={"ip -br address": r"172\.16\.0\.5/24"},
        node={XML: "<watchdog [^>]*action='reset'"},
        boots=True,
    ),
    Edit(
        "stopped",
        {f"{VM}.vm_power": "stopped"},
        DOMAINS,
        (r"\+ power: stopped",),
        node={f"virsh domstate {GUEST}": "shut off"},
        answers=False,
    ),
    Edit(
        "moved to another node",
        {f"{VM}.vm_power": None, f"{VM}.vm_node": AWAY},
        DOMAINS,
        node={XML: GUEST, "virsh list --name": f"^{GUEST}$"},
        boots=True,
        room=True,
    ),
    Edit(
        "a new VM",
        {TINY: {"vm_vcpus": 1, "vm_node": HOME, "vm_disks": [ROOT, DATA]}},
        IMAGES | SEEDS | DOMAINS,
        (r"tiny\.disk0", r"tiny\.disk1"),
        node={"rbd ls vms": r"tiny\.disk0"},
        room=True,
    ),
    Edit(
        "a VM less, its disks kept",
        {f"{TINY}.vm_state": "absent"},
        DOMAINS | NO_SEEDS,
        node={"rbd ls vms": r"tiny\.disk0"},
        room=True,
    ),
    Edit(
        "its disks to the trash",
        {f"{TINY}.vm_delete_disks": True},
        TRASH,
        (r"\+ state: absent",),
        node={"rbd trash ls vms": r"tiny\.disk0"},
    ),
    Edit("nothing, again", {}),
)


class Cluster:
    """The inventory as it is edited, and the cluster."""

    def __init__(self, inventory: Path) -> None:
        self.tree: dict[str, Any] = yaml.safe_load(inventory.read_text())
        self.path = inventory.with_name(f"{inventory.name}-edited")
        self.hosts = self.tree["nodes"]["hosts"]
        self.nodes = list(self.hosts)
        self.key = self.tree["all"]["vars"]["ansible_ssh_private_key_file"]

    def edit(self, sets: dict[str, Any]) -> None:
        """Write the inventory with these values."""
        for path, value in sets.items():
            *parents, last = path.split(".")
            place = self.tree
            for name in parents:
                place = place[name]
            if value is None:
                place.pop(last, None)
            else:
                place[last] = self.nodes[value] if last == "vm_node" else self.named(value)
        self.path.write_text(yaml.safe_dump(self.tree, sort_keys=False))

    def named(self, value: Any) -> Any:
        """A new VM has the address after the first VM's, and a node's name for its number."""
        if not isinstance(value, dict) or "vm_node" not in value:
            return value
        start, _dot, last = self.address().rpartition(".")
        return value | {"vm_node": self.nodes[value["vm_node"]], "ansible_host": f"{start}.{int(last) + 1}"}

    def address(self) -> str:
        """Where the guest answers."""
        return str(self.tree["vms"]["hosts"][GUEST]["ansible_host"])

    def home(self) -> str:
        """The node of the guest."""
        return str(self.hosts[self.tree["vms"]["hosts"][GUEST]["vm_node"]]["ansible_host"])

    def ask(self, user: str, address: str, command: str) -> str:
        """What a command prints on a machine."""
        line = [*SSH, "-o", "ConnectTimeout=20", "-i", self.key, f"{user}@{address}", command]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def play(self) -> str:
        """The output of site.yml."""
        line = ["ansible-playbook", "playbooks/site.yml", "-i", str(self.path), "--diff", *sys.argv[3:]]
        return subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout


def changed(output: str) -> tuple[list[str], list[str]]:
    """The tasks that changed something, and the lines of the diffs without their brackets."""
    task, tasks, lines = "", [], []
    for line in output.splitlines():
        if line.startswith("TASK ["):
            task = line.removeprefix("TASK [").rstrip("*] ")
        elif line.startswith("changed: ["):
            tasks.append(f"{task} ({line.removeprefix('changed: [').partition(']')[0]})")
        elif re.match(r"[+-](?![+-]{2} ).*[\w]", line):
            lines.append(re.sub(r"\s+", " ", line))
    return tasks, lines


def wrong(edit: Edit, output: str, cluster: Cluster, before: str) -> list[str]:
    """What is not as the edit wants it."""
    tasks, lines = changed(output)
    text = "\n".join(lines)
    found = [f"the diffs do not show {pattern}" for pattern in edit.diff if not re.search(pattern, text)]
    if "PLAY RECAP" not in output or re.search(r"(failed|unreachable)=[1-9]", output):
        found.append(f"the run failed:\n{output[-3000:]}")
    names = {task.rpartition(" (")[0] for task in tasks}
    allowed = edit.tasks | ROOM if edit.room else edit.tasks
    found += [f"changed, and should not have: {name}" for name in sorted(names - allowed)]
    found += [f"did not change: {name}" for name in sorted(edit.tasks - names)]
    if edit.says not in output:
        found.append(f"the run does not say {edit.says!r}")
    for command, pattern in edit.node.items():
        answer = cluster.ask("root", cluster.home(), command)
        found += [] if re.search(pattern, answer, re.M) else [f"{command}: {answer.strip()[-800:]}"]
    for command, pattern in edit.guest.items():
        answer = cluster.ask("debian", cluster.address(), command)
        found += [] if re.search(pattern, answer, re.M) else [f"in the guest, {command}: {answer.strip()[-800:]}"]
    if edit.answers:
        after = cluster.ask("debian", cluster.address(), BOOT).strip()
        if (after != before) != edit.boots or len(after) != UUID:
            found.append(f"the guest's boot was {before} and is {after}")
    return found


def main(inventory: Path, first: int = 0) -> int:
    """Try every edit; the number of those that went wrong."""
    cluster, bad, boot = Cluster(inventory), 0, ""
    for number, edit in enumerate(EDITS):
        cluster.edit(edit.sets)
        if number < first:
            continue
        # What is known from before a pause or a stop still holds after it.
        answer = cluster.ask("debian", cluster.address(), BOOT).strip()
        boot = answer if len(answer) == UUID else boot
        start = time.monotonic()
        output = cluster.play()
        seconds = time.monotonic() - start
        problems = wrong(edit, output, cluster, boot)
        bad += bool(problems)
        tasks, lines = changed(output)
        print(f"{number:2} {'WRONG' if problems else 'ok':5} {seconds:4.0f} s  {edit.title}", flush=True)
        for line in (*tasks, *(f"  {line}" for line in lines), *(f"! {problem}" for problem in problems)):
            print(f"       {line}", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 0)))
