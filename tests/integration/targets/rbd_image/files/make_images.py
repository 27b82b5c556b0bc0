# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write good and bad image files to a directory, and print their checksums as JSON."""

from __future__ import annotations

import hashlib
import json
import random
import struct
import subprocess
import sys
from pathlib import Path

MIB = 1024 * 1024


def raw(path: Path, size: int) -> None:
    """Write a sparse disk with a partition table and some data that can't be compressed."""
    noise = random.Random(1)
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(446)
        file.write(struct.pack("<BxxxBxxxII", 0x80, 0x83, 2048, size // 512 - 2048))
        file.seek(510)
        file.write(b"\x55\xaa")
        for offset in (5 * MIB + 4096, 21 * MIB, size - 128 * 1024):
            file.seek(offset)
            file.write(noise.randbytes(100_000))


def main() -> None:
    """Write the files."""
    directory = Path(sys.argv[1])
    directory.mkdir(exist_ok=True)
    raw(directory / "disk.raw", 64 * MIB)
    convert = ["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2"]
    subprocess.run([*convert, directory / "disk.raw", directory / "disk.qcow2"], check=True)
    whole = (directory / "disk.qcow2").read_bytes()
    (directory / "truncated.qcow2").write_bytes(whole[: len(whole) // 2])
    (directory / "truncated.raw").write_bytes((directory / "disk.raw").read_bytes()[: 32 * MIB])
    (directory / "page.html").write_text("<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n")
    (directory / "disk.raw.gz").write_bytes(b"\x1f\x8b\x08" + bytes(100))
    (directory / "empty").write_bytes(b"")
    linked = directory / "linked.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", linked, "1M"], check=True
    )
    print(json.dumps({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}))


if __name__ == "__main__":
    main()
