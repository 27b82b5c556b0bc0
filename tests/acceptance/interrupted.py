"""Kill ansible-playbook at random moments of a first run; the end is the same as that of an undisturbed run.

    interrupted.py INVENTORY [--kills 10] [--seed 1] [--power-cut] [--reference FILE]

The lab of INVENTORY is made anew twice. The first run is undisturbed: it gives the times of the tasks and the final
state, which are kept in FILE, where one is given, and taken from there the next time. Of the second, the whole process
group gets SIGKILL at moments drawn evenly over the first; after each kill, site.yml is started again at once.
--power-cut also cuts the power of a node while packages are unpacked there. Exits with 1 where the final states differ.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LAB = [sys.executable, str(ROOT / "lab/lab.py")]
# Files and their rights, packages, daemons, open ports, guests; and what an interrupted run would leave.
NODE = r"""
find /etc/ceph /etc/pki /etc/systemd/network /etc/libvirt/qemu /etc/sysctl.d /etc/chrony -type f \
  -printf '%p %m %u %g\n' |
  sort
dpkg-query -W -f '${binary:Package} ${Status}\n'
systemctl list-units --failed --plain --no-legend
systemctl list-units --state=running --type=service,socket --plain --no-legend | cut -d' ' -f1 |
  grep -E '^(ceph|libvirt|virt|cairn|chrony|ssh|systemd-networkd)' | sed 's/ceph-osd@.*/ceph-osd/' | sort
ss -ltnH | awk '{print $4}' | grep -E ':(16514|22|3300|6789)$' | sort -u
stat -c '%n %U' /var/lib/ceph/crash/posted
for d in $(virsh list --all --name | sort); do
  virsh domstate $d; virsh dominfo $d | grep Autostart; virsh dumpxml --inactive $d; done
virsh secret-list | awk 'NR > 2 {print $2, $3}'
ls -d /var/tmp/cairn.hci /var/lib/ceph/mon/.* /etc/*/.cairn.* 2>/dev/null
grep -h fsid /etc/ceph/ceph.conf | sort -u
"""
# What the cluster consists of, by its own account.
CLUSTER = r"""
for i in $(seq 60); do ceph health | grep -q HEALTH_OK && break; sleep 2; done; ceph health detail
ceph fsid
ceph quorum_status | python3 -c 'import json, sys
q = json.load(sys.stdin); print(sorted(q["quorum_names"]), q["monmap"]["fsid"])'
ceph mon dump -f json | python3 -c 'import json, sys
print([(m["name"], m["addr"]) for m in json.load(sys.stdin)["mons"]])'
ceph mgr metadata | python3 -c 'import json, sys; print(sorted(m["name"] for m in json.load(sys.stdin)))'
ceph osd dump -f json | python3 -c 'import json, sys; print([(o["up"], o["in"]) for o in json.load(sys.stdin)["osds"]])'
ceph osd tree -f json | python3 -c 'import json, sys
print(sorted((n["name"], len(n["children"])) for n in json.load(sys.stdin)["nodes"] if n["type"] == "host"))'
ceph osd pool ls detail | sed -E 's/^pool [0-9]+//; s/(last_change|lfor|removed_snaps_queue|read_balance_score) \S*//g'
ceph auth ls -f json | python3 -c 'import json, sys
for e in json.load(sys.stdin)["auth_dump"]: print(e["entity"], sorted(e["caps"].items()))'
ceph config dump -f json | python3 -c 'import json, sys
for o in json.load(sys.stdin): print(o["section"], o["name"], o["value"])'
for i in $(rbd ls vms); do echo $i
  rbd info vms/$i | grep -E 'size|parent|features'; rbd snap ls vms/$i | awk '{print $2}'; done
rbd trash ls vms
"""


class Failure(Exception):
    """What went wrong, in one sentence."""


class Run:
    """site.yml as a process group of its own; its lines with the seconds since its start."""

    def __init__(self, inventory: Path) -> None:
        """Start it."""
        command = ["ansible-playbook", "-i", str(inventory), str(ROOT / "playbooks/site.yml")]
        self.start = time.monotonic()
        self.lines: list[tuple[float, str]] = []
        self.new: queue.Queue[str | None] = queue.Queue()
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "ANSIBLE_NOCOLOR": "1"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=-1, stderr=-2, start_new_session=True
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        """Take the lines as they come."""
        for line in self.process.stdout or ():
            self.lines.append((round(time.monotonic() - self.start, 2), line.rstrip()))
            self.new.put(task_of(line))
        self.new.put(None)

    def end(self) -> list[tuple[float, str]]:
        """Wait for the end; return its lines. Raise Failure when it failed."""
        self.process.wait()
        self.reader.join()
        if self.process.returncode:
            raise Failure("\n".join(line for _rest, line in self.lines[-40:]) + "\nsite.yml failed.")
        return self.lines

    def kill(self) -> None:
        """SIGKILL the process group, and Ansible's workers, which are in sessions of their own."""
        groups = {self.process.pid}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parent, own = stat.read_text().rpartition(")")[2].split()[1:3]
                groups |= {int(own)} if int(parent) == self.process.pid else set()
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        self.process.wait()

    def kill_at(self, task: str, offset: float) -> str:
        """SIGKILL the process group `offset` seconds after a task began, or when the next one does."""
        deadline: float | None = None
        while True:
            try:
                seen = self.new.get(timeout=max(0.0, deadline - time.monotonic()) if deadline else None)
            except queue.Empty:
                break
            if seen is None or (deadline and seen):
                break
            if seen == task:
                deadline = time.monotonic() + offset
        self.process.poll()
        if self.process.returncode is not None:
            self.end()
            return "the run had ended"
        self.kill()
        hit = [name for _rest, line in self.lines if (name := task_of(line))]
        return hit[-1] if hit else "(before the first task)"


def task_of(line: str) -> str:
    """The task whose banner a line is; empty for other lines."""
    found = re.match(r"(?:TASK|RUNNING HANDLER) \[(.*)\] \**$", line)
    return found[1] if found else ""


def shell(*command: str, check: bool = True) -> str:
    """Run a command; return its standard output."""
    done = subprocess.run(command, cwd=ROOT, check=False, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise Failure(f"{' '.join(command)[:200]} failed: {done.stderr.strip()[-2000:]} {done.stdout.strip()[-2000:]}")
    return done.stdout


def lab(inventory: Path, *verb: str) -> str:
    """Run a verb of the lab."""
    return shell(*LAB, verb[0], "-i", str(inventory), *verb[1:])


def nodes(inventory: Path) -> list[str]:
    """The names of the nodes."""
    listed: dict[str, Any] = json.loads(shell("ansible-inventory", "-i", str(inventory), "--list"))
    return list(listed["nodes"]["hosts"])


def state(inventory: Path) -> dict[str, list[str]]:
    """The final state, without what differs from cluster to cluster: ids become the order in which they appear."""
    names = nodes(inventory)
    texts = {"cluster": lab(inventory, "ssh", names[0], CLUSTER)}
    texts |= {name: lab(inventory, "ssh", name, NODE) for name in names}
    # A run that starts no VM does not wait for those that an earlier one has started.
    shell(
        "ansible", "vms", "-i", str(inventory), "-m", "ansible.builtin.wait_for_connection", "-a", "timeout=900 sleep=2"
    )
    ping = shell("ansible", "vms", "-i", str(inventory), "-m", "ansible.builtin.ping")
    texts["vms"] = "\n".join(sorted(line.split(" => ")[0] for line in ping.splitlines() if " | " in line))
    again = [line for _rest, line in Run(inventory).end() if "changed=" in line]
    texts["changed by the next run"] = "\n".join(re.sub(r"ok=.*(changed=\d+).*", r"\1", line) for line in again)
    seen: dict[str, str] = {}
    pattern = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
    return {
        where: pattern.sub(lambda found: seen.setdefault(found[0], f"id{len(seen)}"), text).splitlines()
        for where, text in texts.items()
    }


def reference(inventory: Path, file: Path | None) -> dict[str, Any]:
    """Times and final state of an undisturbed run."""
    if file and file.exists():
        kept: dict[str, Any] = json.loads(file.read_text())
        return kept
    lab(inventory, "down")
    lab(inventory, "up")
    lines = Run(inventory).end()
    times = [(second, name) for second, line in lines if (name := task_of(line))]
    found = {"seconds": lines[-1][0], "tasks": times, "state": state(inventory)}
    if file:
        file.write_text(json.dumps(found, indent=1))
    return found


def moments(times: list[list[Any]], seconds: float, kills: int, draw: random.Random) -> list[tuple[str, float]]:
    """A task and an offset for each kill; one kill in each of as many equal parts of the run."""
    found = []
    for number in range(kills):
        moment = seconds * (number + draw.random()) / kills
        start, task = max((entry for entry in times if entry[0] <= moment), default=times[0])
        found.append((str(task), max(0.0, moment - float(start))))
    return found


def cut_power(inventory: Path, node: str) -> str:
    """Cut a node's power while dpkg is at work there; start it again."""
    run = Run(inventory)
    working = "ls /var/lib/dpkg/updates | grep -q '^[0-9]'"
    while subprocess.run([*LAB, "ssh", "-i", str(inventory), node, working], check=False).returncode:
        if run.process.poll() is not None:
            return "dpkg had ended"
    lab(inventory, "kill", node)
    run.kill()
    lab(inventory, "start", node)
    return lab(inventory, "ssh", node, "dpkg --audit | grep -c '^ '; ls /var/lib/dpkg/updates | wc -l").replace(
        "\n", " "
    )


def disturbed(inventory: Path, options: argparse.Namespace, known: dict[str, Any]) -> None:
    """A first run with kills, to its end."""
    lab(inventory, "down")
    lab(inventory, "up")
    if options.power_cut:
        where = nodes(inventory)[1]
        left = cut_power(inventory, where)
        print(f"power cut of {where} during dpkg; broken packages and journal files there: {left}", flush=True)
    plan = moments(known["tasks"], known["seconds"], options.kills, random.Random(options.seed))
    for number, (task, offset) in enumerate(plan, 1):
        run = Run(inventory)
        hit = run.kill_at(task, offset)
        after = time.monotonic() - run.start
        print(f"kill {number:2}  after {after:6.1f} s  aimed at {task} + {offset:.1f} s, hit: {hit}", flush=True)
    last = Run(inventory).end()
    print(f"last run: {last[-1][0]:.1f} s; undisturbed: {known['seconds']:.1f} s", flush=True)


def compare(before: dict[str, list[str]], after: dict[str, list[str]]) -> bool:
    """Print a table and every line that differs; return whether none does."""
    same = True
    print(f"\n{'':28} {'undisturbed':>12} {'killed':>8} {'differ':>8}")
    for where in before.keys() | after.keys():
        one, other = before.get(where, []), after.get(where, [])
        wrong = [f"- {line}" for line in one if line not in other] + [f"+ {line}" for line in other if line not in one]
        wrong += ["the order differs"] if not wrong and one != other else []
        same = same and not wrong
        print(f"{where:28} {len(one):6} lines {len(other):8} {len(wrong):8}")
        print("".join(f"    {line}\n" for line in wrong), end="")
    return same


def main() -> int:
    """Entry point."""
    top = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    top.add_argument("inventory", type=Path)
    top.add_argument("--kills", type=int, default=10)
    top.add_argument("--seed", type=int, default=1)
    top.add_argument("--power-cut", action="store_true")
    top.add_argument("--reference", type=Path)
    options = top.parse_args()
    inventory = options.inventory.resolve()
    try:
        known = reference(inventory, options.reference)
        disturbed(inventory, options, known)
        same = compare(known["state"], state(inventory))
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    print("\nthe same" if same else "\nDIFFERENT")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
