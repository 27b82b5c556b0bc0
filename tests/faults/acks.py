"""The controller's side of the witness: who acknowledged what and when, and what of it a guest's disk has lost."""

from __future__ import annotations

import socket
import threading
import time
from collections import defaultdict
from typing import NamedTuple

from witness import SIZE, Record, unpack

PORT = 6220


class Ack(NamedTuple):
    """An acknowledged record, and when it came (time.monotonic)."""

    time: float
    record: Record


class Acks:
    """Receives acknowledgements in a thread of its own."""

    def __init__(self, address: str, port: int = PORT) -> None:
        """Listen at the address, where the guests send to."""
        self.of: dict[str, list[Ack]] = defaultdict(list)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        while words := self._socket.recv(256).decode().split():
            name, number, run = words
            self.of[name].append(Ack(time.monotonic(), Record(int(number), run)))
        self._socket.close()

    def close(self) -> None:
        """Listen no more."""
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()

    def since(self, name: str, start: float) -> list[Ack]:
        """A guest's acknowledgements since some time."""
        return [ack for ack in self.of[name] if ack.time >= start]

    def runs(self, name: str) -> str:
        """The run of the witness that a guest acknowledged last; another one after the guest's restart."""
        return self.of[name][-1].record.run if self.of[name] else ""

    def first(self, name: str, start: float, not_run: str = "") -> float | None:
        """When a guest first answered since some time, of another run than one."""
        return next((ack.time for ack in self.since(name, start) if ack.record.run != not_run), None)

    def stall(self, name: str, start: float, end: float) -> float:
        """The longest time without an acknowledgement between two times."""
        times = [ack.time for ack in self.of[name] if start <= ack.time <= end]
        return max(after - before for before, after in zip([start, *times], [*times, end], strict=True))


def lost(acks: list[Ack], data: bytes, first: int = 1) -> list[str]:
    """What is wrong with a guest's file, whose content from its record `first` on is `data`; one sentence each."""
    found: dict[int, Record] = {}
    wrong = []
    for place in range(len(data) // SIZE):
        record = unpack(data[place * SIZE : (place + 1) * SIZE])
        if record and record.number == first + place:
            found[record.number] = record
        else:
            wrong.append(f"record {first + place} is corrupt")
    missing = [ack.record for ack in acks if ack.record.number >= first and found.get(ack.record.number) != ack.record]
    if missing:
        wrong.append(f"{len(missing)} acknowledged records are lost, the first is {missing[0].number}")
    return wrong[:3]
