"""Break a converged lab, one fault after the other, and see that nothing is lost and nothing runs twice.

    python tests/faults/run.py INVENTORY [--quick] [NAME...]

The faults are in scenarios.py. A witness in each guest writes numbered records to its disk, each acknowledged here
after its fsync. After each fault, and throughout: no acknowledged record is missing in the guest's file, no guest ran
on two nodes at once (by the time that virtual CPUs get, and by the owner of the RBD lock), the guests did what the
scenario says, and the cluster is healthy again. Ends with a table, and with 1 where anything was not so; the nodes'
journals of such a fault are then in build/faults.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cluster import Cluster, Failure, wait
from locks import returned
from network import IN, OUT, SILENT
from plan import MANAGEMENT, STORAGE, LabError
from sampler import first_elsewhere, ran_twice
from scenarios import SCENARIOS, Guests, Scenario, Step

HEALTHY_SECONDS = 600.0
SETTLE_SECONDS = 10.0

ACTIONS: dict[str, Callable[..., object]] = {
    "kill": Cluster.kill,
    "kill_bmc": Cluster.kill_bmc,
    "kill_qemu": Cluster.kill_qemu,
    "start": Cluster.start,
    "wait_off": Cluster.wait_off,
    "wait_asked": Cluster.wait_asked,
    "cut": lambda cluster, *names: cluster.cable(OUT, names),
    "join": lambda cluster, *names: cluster.cable(IN, names),
    "split": lambda cluster, *names: cluster.cable(SILENT, names),
    "cut_mgmt": lambda cluster, *names: cluster.cable(OUT, names, {MANAGEMENT}),
    "cut_storage": lambda cluster, *names: cluster.cable(OUT, names, {STORAGE}),
    "run": lambda cluster, name, command: cluster.on(name, command),
}


@dataclass
class Trial:
    """One fault: the state before it, and what was seen.

    Its time is `start` (time.monotonic) and `clock` (time.time); what was seen is in seconds since then.
    """

    scenario: Scenario
    targets: dict[str, list[str]]
    places: dict[str, frozenset[str]]
    runs: dict[str, str]
    start: float = 0.0
    clock: float = 0.0
    moved: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    stall: float = 0.0
    healthy: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def hit(self) -> list[str]:
        """The guests that the fault hits."""
        words = [word for step in self.scenario.fault for word in step[1:]]
        if "guest" in words:
            return self.targets["guest"]
        nodes = {name for word in words for name in self.targets.get(word, ())}
        return [guest for guest, where in self.places.items() if where & nodes]


def targets(cluster: Cluster) -> dict[str, list[str]]:
    """What the words of a scenario mean now."""
    places = cluster.places()
    by_guests = sorted(cluster.nodes, key=lambda name: -sum(name in where for where in places.values()))
    known = dict(zip(["busy", "second", "third"], ([name] for name in by_guests), strict=False))
    known |= {"all": by_guests, "dc": [cluster.dc()], "leader": [cluster.leader()]}
    return known | {"guest": [guest for guest, where in places.items() if by_guests[0] in where][:1]}


def act(cluster: Cluster, step: Step, known: dict[str, list[str]]) -> None:
    """Do a step."""
    words = [name for word in step[1:] for name in known.get(word, [word])]
    ACTIONS[step[0]](cluster, *words)


def begin(cluster: Cluster, scenario: Scenario) -> Trial:
    """The state before a fault, and the fault."""
    known = targets(cluster)
    for step in scenario.before:
        act(cluster, step, known)
    runs = {guest: cluster.acks.runs(guest) for guest in cluster.guests}
    trial = Trial(scenario, known, cluster.places(), runs, time.monotonic(), time.time())
    for step in scenario.fault:
        act(cluster, step, known)
    return trial


def elsewhere(cluster: Cluster, trial: Trial) -> dict[str, float]:
    """The guests hit that run elsewhere, and since when."""
    found = {}
    for guest in trial.hit:
        old = frozenset() if trial.scenario.guests is Guests.RESTART else trial.places[guest]
        start = trial.start + 0.2 if trial.scenario.guests is Guests.RESTART else trial.start
        if (when := first_elsewhere(cluster.sampler.seen[guest], start, old)) is not None:
            found[guest] = when - trial.start
    return found


def unmoved(cluster: Cluster, trial: Trial) -> list[str]:
    """The guests hit that do not run elsewhere yet."""
    found = elsewhere(cluster, trial)
    return [f"{guest} does not run elsewhere" for guest in trial.hit if guest not in found]


def watch(cluster: Cluster, trial: Trial) -> None:
    """While the fault lasts."""
    scenario = trial.scenario
    if scenario.guests in (Guests.MOVE, Guests.MIGRATE, Guests.RESTART):
        wait(lambda: unmoved(cluster, trial), scenario.within)
        trial.moved = list(elsewhere(cluster, trial).values())
        wait(cluster.silent, HEALTHY_SECONDS)
    end = trial.start + scenario.hold
    if (rest := end - time.monotonic()) > 0:
        time.sleep(rest)
    if scenario.guests is Guests.STOP and scenario.hold:
        served = [guest for guest in cluster.guests if cluster.acks.since(guest, end - SETTLE_SECONDS)]
        trial.wrong += [f"{guest} is still served" for guest in served]


def recover(cluster: Cluster, trial: Trial) -> None:
    """Take the fault away and wait until all is as before."""
    trial.stall = max(
        (
            cluster.acks.stall(guest, trial.start, time.monotonic())
            for guest in cluster.guests
            if guest not in trial.hit or trial.scenario.guests in (Guests.STAY, Guests.MIGRATE)
        ),
        default=0.0,
    )
    healing = time.monotonic()
    for step in trial.scenario.heal:
        act(cluster, step, trial.targets)
    try:
        wait(cluster.silent, HEALTHY_SECONDS)
    finally:
        cluster.heal()
        wait(cluster.ill, HEALTHY_SECONDS)
    trial.healthy = time.monotonic() - healing


def check(cluster: Cluster, trial: Trial) -> None:
    """What must be so after each fault."""
    kind = trial.scenario.guests
    for guest in cluster.guests:
        again = cluster.acks.runs(guest) != trial.runs[guest]
        untouched = guest not in trial.hit and kind is not Guests.STOP
        if again and (untouched or kind in (Guests.STAY, Guests.MIGRATE)):
            trial.wrong.append(f"{guest} was started again")
        if again and (first := cluster.acks.first(guest, trial.start, trial.runs[guest])):
            trial.answered.append(first - trial.start)
        found = cluster.lost(guest) + ran_twice(cluster.sampler.seen[guest], trial.start)
        found += returned(cluster.locks.of[guest], trial.start)
        where = {cluster.addresses.get(owner.address) for owner in cluster.locks.of[guest][-1:]}
        if where != cluster.sampler.nodes(guest):
            found.append(f"runs on {set(cluster.sampler.nodes(guest))}, and its lock is held by {where}")
        trial.wrong += [f"{guest} {problem}" for problem in found]


def play(cluster: Cluster, scenario: Scenario) -> Trial:
    """One fault from its begin to its end."""
    wait(cluster.ill, HEALTHY_SECONDS)
    trial = begin(cluster, scenario)
    for part in (watch, recover, check):
        try:
            part(cluster, trial)
        except (Failure, LabError) as failure:
            trial.wrong.append(str(failure))
    if trial.wrong:
        cluster.logs(scenario.name, trial.clock)
    return trial


def row(trial: Trial) -> str:
    """A line of the table."""
    moved = f"{max(trial.moved):.1f}" if trial.moved else ""
    answered = f"{max(trial.answered):.1f}" if trial.answered else ""
    times = f"{moved:>9} {answered:>9} {trial.stall:>8.1f} {trial.healthy:>8.1f}"
    lines = [f"{trial.scenario.name:17} {'WRONG' if trial.wrong else 'ok':5} {times}  {trial.scenario.title}"]
    return "\n".join([*lines, *(f"    ! {problem}" for problem in trial.wrong)])


HEAD = f"{'fault':17} {'':5} {'elsewhere':>9} {'answered':>9} {'stall':>8} {'healthy':>8}"


def main() -> int:
    """Entry point."""
    top = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    top.add_argument("inventory", type=Path)
    top.add_argument("names", nargs="*", metavar="NAME", help=", ".join(scenario.name for scenario in SCENARIOS))
    top.add_argument("--quick", action="store_true", help="only the quick ones")
    options = top.parse_args()
    if unknown := set(options.names) - {scenario.name for scenario in SCENARIOS}:
        top.error(f"there is no fault {', '.join(sorted(unknown))}")
    chosen = [s for s in SCENARIOS if (s.name in options.names or not options.names) and (s.quick or not options.quick)]
    rows = []
    bad = 0
    gap = ""
    try:
        with Cluster(options.inventory.resolve()) as cluster:
            cluster.install_witness()
            for scenario in chosen:
                print(f"{scenario.title} ...", file=sys.stderr, flush=True)
                trial = play(cluster, scenario)
                bad += bool(trial.wrong)
                rows.append(row(trial))
                print(rows[-1], file=sys.stderr, flush=True)
            gap = f"; between two looks at the guests were at most {cluster.sampler.late:.2f} s"
    except (Failure, LabError) as failure:
        print(f"faults: {failure}", file=sys.stderr)
        bad += 1
    print("\n".join([HEAD, *rows, f"seconds since the fault; {len(rows)} faults, {bad} wrong{gap}"]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
