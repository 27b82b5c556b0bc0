"""How long a VM is away when its node is killed or cut off, and how long the VMs on other nodes wait for their disks.

    python benchmarks/failover.py [--runs 20] [--only ours|baseline]

Run on a converged lab (INVENTORY). Each run is a fault of tests/faults, with its checks: nothing lost, nothing run
twice. Then the lab is made anew with the defaults of Pacemaker and Ceph and VirtualDomain (_defaults.py), for the
baseline; it stays so. Writes build/bench/failover.json, a picture of the medians to build/bench/failover.svg, and what
each trial gave to failover-ours.json and failover-baseline.json beside them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
import statistics
import subprocess
import sys
from pathlib import Path

from _bench import INVENTORY, OUTPUT, ROOT, Bench, Object, ansible
from _defaults import install
from _timeline import EVENTS, svg
from cluster import Cluster
from run import Trial, play, row
from scenarios import SCENARIOS

FAULTS = {scenario.name: scenario for scenario in SCENARIOS if scenario.name in ("killed", "cut")}
WITHIN_SECONDS = 300.0
TITLES = {"ours": "cairn.hci", "baseline": "defaults"}
TARGETS = {"killed_p95": "10 s", "cut_p95": "10 s", "stall_p95": "6 s"}
# What the daemons of a surviving node write (corosync's totemsrp.c, pacemaker's fenced).
DETECTED = re.compile(r"TOTEM.*A new membership")
FENCED = re.compile(r"Operation '(?:reboot|off)'.*targeting (\S+).*: (?:OK|complete)", re.IGNORECASE)


def p95(values: list[float]) -> float:
    """The 95th percentile, by nearest rank: the highest but one of 20."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def journal(text: str, fault: float) -> dict[str, float]:
    """When the cluster noticed and when it had fenced, in seconds since the fault; lines are journalctl's JSON."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        entry = json.loads(line)
        since = int(entry["__REALTIME_TIMESTAMP"]) / 1e6 - fault
        for event, pattern in (("detection", DETECTED), ("fence", FENCED)):
            if since >= 0 and pattern.search(str(entry.get("MESSAGE", ""))):
                found.setdefault(event, since)
    return found


def events(cluster: Cluster, trial: Trial) -> dict[str, float]:
    """When what happened, in seconds since the fault: of several VMs the last, of several nodes the first."""
    found: dict[str, float] = {}
    away = {node for where in trial.places.values() for node in where}
    for name in sorted(cluster.nodes, key=lambda name: name in trial.targets["busy"]):
        if name not in trial.targets["busy"] and not found:
            command = f"journalctl -o json --since=@{trial.clock:.0f} -t corosync -t pacemaker-fenced"
            found = journal(cluster.on(name, command).stdout.decode(), trial.clock)
    for guest in trial.hit:
        for sighting in cluster.sampler.seen[guest]:
            if sighting.time > trial.start and sighting.nodes - trial.places[guest]:
                found["VM process"] = max(found.get("VM process", 0.0), sighting.time - trial.start)
                break
    if away - set(trial.targets["busy"]):
        found["storage"] = trial.stall
    if trial.moved:
        found["VM runs"] = max(trial.moved)
    if trial.answered:
        found["guest answers"] = max(trial.answered)
    return found


def trials(cluster: Cluster, kind: str, count: int) -> None:
    """Play each fault in turn, and keep after each trial what all of them gave."""
    found: dict[str, list[Object]] = {name: [] for name in FAULTS}
    for number in range(count):
        for name, scenario in FAULTS.items():
            trial = play(cluster, dataclasses.replace(scenario, within=WITHIN_SECONDS))
            print(f"{number + 1:2} {row(trial)}", file=sys.stderr, flush=True)
            result: Object = {"elsewhere": max(trial.moved, default=None), "stall": trial.stall, "wrong": trial.wrong}
            found[name].append(result | {"events": events(cluster, trial)})
            kept(kind).write_text(json.dumps(found, indent=1) + "\n")


def kept(kind: str) -> Path:
    """The file with the trials of one kind of lab."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    return OUTPUT / f"failover-{kind}.json"


def add(bench: Bench, prefix: str, found: dict[str, list[Object]]) -> None:
    """The figures of one kind of lab; those of the baseline come first."""
    # A VM that was not elsewhere in time counts with the time that it was waited for.
    values = {f"{name}_p95": [each["elsewhere"] or WITHIN_SECONDS for each in of] for name, of in found.items()}
    values["stall_p95"] = [each["stall"] for of in found.values() for each in of]
    for metric, each in values.items():
        against = next((figure for figure in bench.figures if figure["metric"] == f"baseline_{metric}"), None)
        note = f"median {statistics.median(each):.1f} s, longest {max(each):.1f} s"
        bench.add(
            prefix + metric, each, "s", of=p95, against=against, target="" if prefix else TARGETS[metric], note=note
        )
    wrong = [float(len(each["wrong"])) for of in found.values() for each in of]
    bench.add(f"{prefix}violations", wrong, "", of=sum, target="0", note="lost, run twice or not as it should be")


def timelines(title: str, found: dict[str, list[Object]]) -> dict[str, dict[str, float]]:
    """A line of the picture for each fault: the medians of its events."""
    return {
        f"{name}, {title}": {
            event: statistics.median(times)
            for event in EVENTS
            if (times := [each["events"][event] for each in of if event in each["events"]])
        }
        for name, of in found.items()
    }


def measure(kind: str, count: int) -> None:
    """The trials on the lab as it is, or on one made anew with the defaults."""
    if kind == "baseline":
        for verb in ("down", "up"):
            subprocess.run([sys.executable, ROOT / "lab/lab.py", verb, "-i", INVENTORY], check=True, stdout=sys.stderr)
        ansible("playbooks/site.yml", "-e", "ha_enabled=false")
    with Cluster(INVENTORY) as cluster:
        cluster.install_witness()
        if kind == "baseline":
            install(cluster)
        trials(cluster, kind, count)


def main() -> None:
    """Measure."""
    top = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    top.add_argument("--runs", type=int, default=20, help="0 only shows what the last ones gave")
    top.add_argument("--only", choices=TITLES, help="of the other one, show what it gave last")
    options = top.parse_args()
    for kind in TITLES:
        if options.runs and options.only in (None, kind):
            measure(kind, options.runs)
    found = {kind: json.loads(kept(kind).read_text()) for kind in TITLES if kept(kind).exists()}
    bench = Bench("failover")
    for kind in reversed(found):
        add(bench, "baseline_" if kind == "baseline" else "", found[kind])
    bench.finish()
    rows = {key: value for kind in found for key, value in timelines(TITLES[kind], found[kind]).items()}
    (OUTPUT / "failover.svg").write_text(svg("From the fault to the guest's answer, medians in seconds", rows))


if __name__ == "__main__":
    main()
