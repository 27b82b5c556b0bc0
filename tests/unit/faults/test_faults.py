"""What the fault scenarios conclude from what they saw."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import witness
from acks import Ack, Acks, lost
from locks import Owner, returned
from run import ACTIONS
from sampler import Sighting, first_elsewhere, ran_twice
from scenarios import SCENARIOS
from witness import Record

A, B = frozenset({"a"}), frozenset({"b"})
BOTH, NONE = A | B, frozenset[str]()
RECORDS = [Record(number, "0a0b0c0d") for number in range(1, 5)]
FILE = b"".join(record.pack() for record in RECORDS)
ACKS = [Ack(float(record.number), record) for record in RECORDS]


def test_a_record_is_read_back_as_it_was_written() -> None:
    data = RECORDS[0].pack()
    assert len(data) == witness.SIZE
    assert witness.unpack(data) == RECORDS[0]
    assert witness.unpack(data[:-2] + b"0\n") is None


@pytest.mark.parametrize(
    ("data", "first", "wrong"),
    [
        (FILE, 1, []),
        (FILE + RECORDS[0].pack()[:10], 1, []),
        (FILE[2 * witness.SIZE :], 3, []),
        (FILE[: 3 * witness.SIZE], 1, ["1 acknowledged records are lost, the first is 4"]),
        (
            FILE[: 3 * witness.SIZE] + Record(4, "ffffffff").pack(),
            1,
            ["1 acknowledged records are lost, the first is 4"],
        ),
        (
            bytes(witness.SIZE) + FILE[witness.SIZE :],
            1,
            ["record 1 is corrupt", "1 acknowledged records are lost, the first is 1"],
        ),
    ],
    ids=["all", "torn tail without acknowledgement", "from a record on", "cut off", "written again", "zeros"],
)
def test_what_was_acknowledged_is_in_the_file(data: bytes, first: int, wrong: list[str]) -> None:
    assert lost(ACKS, data, first) == wrong


@pytest.mark.parametrize("tail", [b"", b"0000", bytes(witness.SIZE)])
def test_the_witness_goes_on_after_the_last_whole_record(tmp_path: Path, tail: bytes) -> None:
    (tmp_path / "file").write_bytes(FILE + tail)
    file = os.open(tmp_path / "file", os.O_RDWR)
    assert witness.recover(file) == 4
    os.close(file)
    assert (tmp_path / "file").read_bytes() == FILE


def test_a_stall_is_the_longest_silence() -> None:
    acks = Acks("127.0.0.1", 0)
    acks.of["web"] = [Ack(time, RECORDS[0]) for time in (1.0, 2.0, 5.0)]
    assert acks.stall("web", 0.5, 5.5) == 3.0
    assert acks.stall("web", 2.5, 9.0) == 4.0
    assert acks.stall("db", 2.0, 9.0) == 7.0
    acks.close()


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        (
            [
                Sighting(0, A, A, 9),
                Sighting(1, BOTH, A, 9),
                Sighting(2, BOTH, BOTH),
                Sighting(3, BOTH, B),
                Sighting(4, B, B),
            ],
            0,
        ),
        ([Sighting(0, A, A, 9), Sighting(1, BOTH, BOTH, 2), Sighting(2, B, B)], 1),
        ([Sighting(0, BOTH, A, 9), Sighting(61, BOTH, NONE), Sighting(62, B, B)], 1),
        ([Sighting(0, A, A, 9), Sighting(1, NONE, NONE), Sighting(5, B, B)], 0),
    ],
    ids=["migrated", "twice", "left behind", "failed over"],
)
def test_a_guest_that_ran_twice(seen: list[Sighting], wrong: int) -> None:
    assert len(ran_twice(seen, 0)) == wrong


def test_elsewhere_is_where_the_virtual_cpus_run() -> None:
    seen = [Sighting(0, A, A), Sighting(5, B, NONE), Sighting(6, B, B)]
    assert first_elsewhere(seen, 1, A) == 6
    assert first_elsewhere(seen[:2], 1, A) is None


@pytest.mark.parametrize(("clients", "wrong"), [(["x", "", "y"], 0), (["x", "", "x"], 0), (["x", "y", "x"], 1)])
def test_a_lock_does_not_return(clients: list[str], wrong: int) -> None:
    assert len(returned([Owner(float(time), client) for time, client in enumerate(clients)], 0)) == wrong


def test_every_step_is_an_action() -> None:
    assert {step[0] for scenario in SCENARIOS for step in scenario.fault + scenario.heal} <= ACTIONS.keys()
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
