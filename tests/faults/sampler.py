"""Where each guest runs, seen from the lab's machine, for the nodes' processes are processes of this machine.

A guest runs where the threads of its virtual CPUs get time: that tells it from a QEMU that waits for an incoming
migration or has handed its guest over. /proc/PID/task/TID/schedstat has their time in nanoseconds.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

PERIOD_SECONDS = 0.05
# In one period: a paused QEMU's virtual CPU gets microseconds, that of a guest which writes records milliseconds.
RAN_NANOSECONDS = 500_000
# A process is no QEMU for good when it has not become one by execve since then.
YOUNG_SECONDS = 2.0
# How long a guest may have a process on two nodes: a migration, and what it leaves.
LEFT_SECONDS = 60.0


@dataclass
class Qemu:
    """A process of QEMU."""

    pid: int
    guest: str
    node: str
    clocks: list[Path] = field(default_factory=list)
    nanoseconds: int = 0

    def ran(self) -> bool:
        """Whether its guest ran since this was asked last."""
        if not self.clocks:
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                if re.match(r"(ALL )?CPU", (task / "comm").read_text()):
                    self.clocks.append(task / "schedstat")
        before, self.nanoseconds = self.nanoseconds, sum(int(clock.read_text().split()[0]) for clock in self.clocks)
        return bool(before) and self.nanoseconds - before > RAN_NANOSECONDS


class Sighting(NamedTuple):
    """From a time on, for some samples, a guest had processes on some nodes, and ran on some of these."""

    time: float
    nodes: frozenset[str]
    running: frozenset[str]
    samples: int = 1


class Sampler:
    """Looks at all guests of a lab in a thread of its own; `seen` has an entry for each change."""

    def __init__(self, lab_id: str) -> None:
        """Begin to look."""
        self.seen: dict[str, list[Sighting]] = defaultdict(list)
        self.late = 0.0
        self.qemus: dict[int, Qemu] = {}
        self._place = re.compile(rf"/cairn-lab/{lab_id}/([^/\n]+)/")
        self._others: dict[int, float] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        before = time.monotonic()
        while not self._closed.wait(PERIOD_SECONDS):
            self._sample(time.monotonic())
            now = time.monotonic()
            self.late = max(self.late, now - before)
            before = now

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _sample(self, now: float) -> None:
        self._find(now)
        nodes: dict[str, set[str]] = {guest: set() for guest in self.seen}
        running: dict[str, set[str]] = {guest: set() for guest in self.seen}
        for pid, qemu in list(self.qemus.items()):
            try:
                ran = qemu.ran()
            except OSError:
                del self.qemus[pid]
                continue
            nodes.setdefault(qemu.guest, set()).add(qemu.node)
            if ran:
                running.setdefault(qemu.guest, set()).add(qemu.node)
        for guest, where in nodes.items():
            sighting = Sighting(now, frozenset(where), frozenset(running.get(guest, ())))
            last = self.seen[guest][-1] if self.seen[guest] else None
            if last and last[1:3] == sighting[1:3]:
                self.seen[guest][-1] = last._replace(samples=last.samples + 1)
            else:
                self.seen[guest].append(sighting)

    def _find(self, now: float) -> None:
        """Find new processes of QEMU."""
        alive = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        for pid in alive - self.qemus.keys():
            if now - self._others.setdefault(pid, now) > YOUNG_SECONDS:
                continue
            with suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
                guest = re.search(rb"qemu-system-.*?\0-name\0guest=([^,\0]+)", line, re.DOTALL)
                node = self._place.search(Path(f"/proc/{pid}/cgroup").read_text())
                if guest and node:
                    self.qemus[pid] = Qemu(pid, guest[1].decode(), node[1])
        self._others = {pid: since for pid, since in self._others.items() if pid in alive}

    def nodes(self, guest: str) -> frozenset[str]:
        """The nodes with a process of a guest."""
        return self.seen[guest][-1].nodes if self.seen[guest] else frozenset()

    def pids(self, guest: str) -> list[int]:
        """The processes of a guest."""
        return [qemu.pid for qemu in list(self.qemus.values()) if qemu.guest == guest]


def first_elsewhere(seen: list[Sighting], start: float, old: frozenset[str]) -> float | None:
    """When a guest first ran on another node than some, since some time."""
    return next((sighting.time for sighting in seen if sighting.time >= start and sighting.running - old), None)


def ran_twice(seen: list[Sighting], start: float) -> list[str]:
    """When a guest ran on two nodes, or was left on one after a migration; one sentence each.

    In the sample of a hand-over both processes ran, one after the other; in two samples in a row, at the same time.
    """
    wrong = []
    since: float | None = None
    for sighting in seen:
        where = " and ".join(sorted(sighting.nodes))
        if sighting.time >= start and len(sighting.running) > 1 and sighting.samples > 1:
            wrong.append(f"ran on {where} at once after {sighting.time - start:.2f} s")
        if since is not None and sighting.time - since > LEFT_SECONDS:
            wrong.append(f"had processes on two nodes for more than {LEFT_SECONDS:.0f} s")
        if sighting.time < start or len(sighting.nodes) < 2:
            since = None
        elif since is None:
            since = sighting.time
    return list(dict.fromkeys(wrong))[:3]
