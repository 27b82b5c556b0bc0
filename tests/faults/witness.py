"""What runs in each guest: numbered records on its disk, each acknowledged to the controller after its fsync.

    witness.py FILE VM ADDRESS PORT

A record has 32 bytes: its number, the run of the witness that wrote it, and a CRC-32 of both. The run tells a record
from another one with the same number, which a guest writes after its restart when the first one was lost.
"""

from __future__ import annotations

import binascii
import contextlib
import os
import socket
import sys
import time
from typing import NamedTuple

SIZE = 32
PERIOD_SECONDS = 0.125


class Record(NamedTuple):
    """A record, and what is sent for it."""

    number: int
    run: str

    def pack(self) -> bytes:
        """The record as it is in the file."""
        text = f"{self.number:013d} {self.run:8}".encode()
        return text + f" {binascii.crc32(text):08x}\n".encode()


def unpack(data: bytes) -> Record | None:
    """The record; None when the data are not a whole one."""
    try:
        record = Record(int(data[:13]), data[14:22].decode())
    except ValueError:
        return None
    return record if record.pack() == data else None


def recover(file: int) -> int:
    """Cut off what a crash left of a record that was never acknowledged; return the number of the last whole one."""
    number = os.fstat(file).st_size // SIZE
    while number and not unpack(os.pread(file, SIZE, (number - 1) * SIZE)):
        number -= 1
    os.ftruncate(file, number * SIZE)
    return number


def main(path: str, name: str, address: str, port: str) -> None:
    """Write and acknowledge for ever."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    number = recover(file)
    run = os.urandom(4).hex()
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        start = time.monotonic()
        number += 1
        os.pwrite(file, Record(number, run).pack(), (number - 1) * SIZE)
        os.fsync(file)
        # The network may not be there yet, or be cut off: the record is on the disk all the same.
        with contextlib.suppress(OSError):
            client.sendto(f"{name} {number} {run}".encode(), (address, int(port)))
        time.sleep(max(0.0, start + PERIOD_SECONDS - time.monotonic()))


if __name__ == "__main__":
    main(*sys.argv[1:])
