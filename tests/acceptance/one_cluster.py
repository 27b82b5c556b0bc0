"""A second Ceph cluster can't be made by accident: reinstall the first node, cut the others off, use a new controller.

    python tests/acceptance/one_cluster.py INVENTORY [FIRST]

The lab of INVENTORY is converged and has three nodes. Every case of CASES breaks something, runs site.yml and sees that
the node joined the cluster that there is, or that the run stopped, changed nothing and said why; the cluster's fsid
stays. FIRST is the number of the case to begin with.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LAB = (sys.executable, str(ROOT / "lab/lab.py"))
# A node that joined: quorum, OSDs, health and guests are as before.
# Ceph warns of slow heartbeats for a quarter of an hour after they were slow.
HEALTH = (
    "ceph health -f json 2>/dev/null | python3 -c 'import json, sys\n"
    'print([c for c in json.load(sys.stdin)["checks"] if "SLOW_PING" not in c])\''
)
STATE = f"for i in $(seq 90); do {HEALTH} | grep -q '\\[]' && break; sleep 2; done; ceph fsid; {HEALTH}\n" + (
    "ceph quorum_status -f json | python3 -c 'import json, sys\n"
    "print(sorted(json.load(sys.stdin)[\"quorum_names\"]))'; ceph osd dump -f json | python3 -c 'import json, sys\n"
    'print(sorted((o["up"], o["in"]) for o in json.load(sys.stdin)["osds"]))\''
)
GUESTS = "virsh list --name"
PURGE = (
    "for i in $(ceph osd ls-tree {0}); do ceph osd purge $i --yes-i-really-mean-it; done"  # Refuses those that are up.
)
# A node that is shut down leaves the cluster of Pacemaker; else the others switch it off and on while it is installed.
LEAVE = ("ssh", "{0}", "systemctl stop pacemaker corosync")
FENCED = "for i in $(seq 120); do ceph osd blocklist ls 2>/dev/null | grep -q ':0/0 ' && break; sleep 1; done"
FSID = "timeout 20 ceph fsid 2>/dev/null; grep -h fsid /etc/ceph/ceph.conf 2>/dev/null"


@dataclass(frozen=True)
class Case:
    """The lab's verbs before site.yml and after it; `says` is the reason of a stop, empty where the node joins."""

    title: str
    before: tuple[tuple[str, ...], ...] = ()
    after: tuple[tuple[str, ...], ...] = ()
    arguments: tuple[str, ...] = ()
    says: str = ""
    changes: bool = True
    elsewhere: bool = False


CASES = (
    Case("a new controller: another clone, another home", changes=False, elsewhere=True),
    Case("the first node reinstalled, its disks kept", before=(LEAVE, ("reinstall", "{0}", "--keep-disks"))),
    Case(
        "the same, and --limit to that node",
        before=(LEAVE, ("reinstall", "{0}", "--keep-disks")),
        arguments=("--limit", "{0}"),
    ),
    Case(
        "the first node reinstalled, its disks new",
        before=(LEAVE, ("reinstall", "{0}")),
        after=(("ssh", "{1}", PURGE),),
        says=r"osd\.\d+ on {0} is down: .*purge",
    ),
    Case(
        "the first node reinstalled, the other monitors stopped",
        before=(
            LEAVE,
            ("ssh", "{1}", "systemctl stop ceph-mon.target"),
            ("ssh", "{2}", "systemctl stop ceph-mon.target"),
            ("reinstall", "{0}", "--keep-disks"),
        ),
    ),
    Case(
        "the first node reinstalled, the others cut off",
        before=(LEAVE, ("reinstall", "{0}", "--keep-disks"), ("cut", "{1}"), ("cut", "{2}")),
        after=(("join", "{1}"), ("join", "{2}")),
        says=r"{1} \([0-9.]+\) does not answer over SSH: .*; start it",
    ),
    Case(
        "the first node reinstalled, the others without storage network",
        before=(
            LEAVE,
            ("reinstall", "{0}", "--keep-disks"),
            ("cut", "{1}", "--network", "storage"),
            ("cut", "{2}", "--network", "storage"),
        ),
        after=(("join", "{1}"), ("join", "{2}")),
        says="gave no answer within",
    ),
    Case(
        "the first node dead with its BMC, fenced at the storage alone, then installed anew",
        before=(("kill", "{0}", "--bmc"), ("ssh", "{1}", FENCED), ("reinstall", "{0}", "--keep-disks")),
    ),
)


class Cluster:
    """The lab and its inventory."""

    def __init__(self, inventory: Path) -> None:
        """Ask for the nodes' names, and for the state to come back to."""
        self.inventory = inventory
        listed: dict[str, Any] = json.loads(self.run("ansible-inventory", "-i", str(inventory), "--list").stdout)
        self.nodes = list(listed["nodes"]["hosts"])
        self.fsid = self.state()[0].splitlines()[0]
        self.healthy = self.state()

    def run(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(command, text=True, capture_output=True, check=False, **options)

    def lab(self, verb: str, *arguments: str) -> str:
        """Run a verb of the lab, with the nodes' names for their places."""
        words = [word.format(*self.nodes) for word in arguments]
        done = self.run(*LAB, verb, "-i", str(self.inventory), *words)
        return done.stdout

    def state(self) -> list[str]:
        """The cluster, and every guest as often as it runs: those of a node that is gone are started elsewhere."""
        guests = sorted(" ".join(self.lab("ssh", name, GUESTS) for name in self.nodes).split())
        return [self.lab("ssh", "{1}", STATE), " ".join(guests)]

    def fsids(self) -> set[str]:
        """Every cluster that a node knows of."""
        return set(re.findall(r"[0-9a-f-]{36}", "".join(self.lab("ssh", name, FSID) for name in self.nodes)))

    def site(self, *arguments: str, root: Path = ROOT, **environment: str) -> str:
        """Run site.yml; return its output."""
        command = ["ansible-playbook", "-i", str(self.inventory), "playbooks/site.yml", *arguments]
        return self.run(*[word.format(*self.nodes) for word in command], cwd=root, env=os.environ | environment).stdout

    def elsewhere(self) -> str:
        """Run site.yml from a fresh clone with an empty home."""
        with tempfile.TemporaryDirectory() as home:
            clone = Path(home) / "clone"
            self.run("git", "clone", "-q", str(ROOT), str(clone))
            return self.site(root=clone, HOME=home)


def wrong(case: Case, output: str, cluster: Cluster) -> list[str]:
    """What is not as it should be."""
    failed, changed = (bool(re.search(rf"{word}=[1-9]", output)) for word in ("(?:failed|unreachable)", "changed"))
    found = []
    if case.says:
        found += [] if failed and re.search(case.says.format(*cluster.nodes), output) else ["it does not say why"]
    elif failed or changed != case.changes:
        found.append(f"failed: {failed}, changed: {changed}")
    if others := cluster.fsids() - {cluster.fsid}:
        found.append(f"clusters: {others}, and there was {cluster.fsid}")
    return found + ([output[-3000:]] if found else [])


def main(inventory: Path, first: int = 0) -> int:
    """Try every case; the number of those that went wrong."""
    cluster, bad = Cluster(inventory), 0
    print("\n".join(cluster.healthy), flush=True)
    for number, case in enumerate(CASES[first:], first):
        for verb in case.before:
            cluster.lab(*verb)
        start = time.monotonic()
        output = cluster.elsewhere() if case.elsewhere else cluster.site(*case.arguments)
        seconds = time.monotonic() - start
        problems = wrong(case, output, cluster)
        for verb in case.after:
            cluster.lab(*verb)
        if case.says:
            told = [line.strip() for line in output.splitlines() if re.search(case.says.format(*cluster.nodes), line)]
            print("\n".join(f"       {line}" for line in dict.fromkeys(told)))
            output = cluster.site()
        if case.arguments:
            output = cluster.site()
        state = cluster.state()
        if state != cluster.healthy:
            problems += ["it was", *cluster.healthy, "and is", *state, output[-1500:]]
        bad += bool(problems)
        print(f"{number:2} {'WRONG' if problems else 'ok':5} {seconds:4.0f} s  {case.title}", flush=True)
        print("".join(f"       ! {problem}\n" for problem in problems), end="", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 0)))
