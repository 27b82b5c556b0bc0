# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is that someone calls a disk image, told by its first bytes. Pure: no I/O.

Private to the collection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

# The first bytes that :func:`inspect` needs: the superblock of ISO 9660 begins at 32 KiB, that of btrfs at 64 KiB.
HEAD = 72 * 1024
GRAIN = 64 * 1024
ZERO = bytes(GRAIN)
SECTOR = 512

# Offset and bytes, of what a raw disk may hold.
SIGNATURES = [
    (510, b"\x55\xaa"),
    (512, b"EFI PART"),
    (1080, b"\x53\xef"),
    (0, b"XFSB"),
    (0, b"LUKS\xba\xbe"),
    (0, b"hsqs"),
    (32769, b"CD001"),
    (65600, b"_BHRfS_M"),
    (536, b"LVM2 001"),
]
OTHERS = [
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"\xfd7zXZ\0", "compressed with xz; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
    (b"PK\3\4", "a zip archive; unpack it first"),
    (b"KDMV", "a VMDK image; convert it first (qemu-img convert -O qcow2)"),
    (b"vhdxfile", "a VHDX image; convert it first (qemu-img convert -O qcow2)"),
    (b"conectix", "a VHD image; convert it first (qemu-img convert -O qcow2)"),
    (b"\x7fELF", "a program"),
]


def inspect(head: bytes, length: int, wanted: str = "auto") -> tuple[str, int]:
    """Return format (raw or qcow2) and virtual size in bytes of the image that begins with `head`.

    `wanted` is raw, qcow2 or auto. Raise ResourceError (a part of a sentence, to follow "The file") for what is no
    image.
    """
    if not length:
        raise ResourceError("is empty")
    if head.startswith(b"QFI\xfb") and wanted in {"auto", "qcow2"}:
        return "qcow2", qcow2_size(head)
    refuse_other(head)
    if wanted == "qcow2":
        raise ResourceError("is not a qcow2 image")
    refuse_truncated(head, length)
    if wanted == "auto" and not any(head[at : at + len(mark)] == mark for at, mark in SIGNATURES):
        raise ResourceError("is not a disk image that is known here; give format: raw if it is one all the same")
    return "raw", length


def refuse_other(head: bytes) -> None:
    """Raise ResourceError for a text or another kind of file."""
    start = head[:1024].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml")):
        raise ResourceError("is a web page, not a disk image")
    for mark, what in OTHERS:
        if head.startswith(mark):
            raise ResourceError(f"is {what}")
    if b"\0" not in start and start.isascii() and start.decode("ascii").replace("\n", "").isprintable():
        raise ResourceError("is a text, not a disk image")


def refuse_truncated(head: bytes, length: int) -> None:
    """Raise ResourceError where a partition table speaks of more sectors than the file has."""
    needed = 0
    if head[512:520] == b"EFI PART":
        needed = (struct.unpack_from("<Q", head, 512 + 32)[0] + 1) * SECTOR
    elif head[510:512] == b"\x55\xaa":
        entries = [struct.unpack_from("<BxxxBxxxII", head, 446 + 16 * number) for number in range(4)]
        # A file system's boot sector bears the same signature, with code where a partition table would be.
        if all(flag in {0, 0x80} for flag, *_rest in entries):
            needed = max(first + count for _flag, _kind, first, count in entries) * SECTOR
    if needed > length:
        raise ResourceError(f"is truncated: its partition table needs {needed} bytes and it has {length}")


def qcow2_size(head: bytes) -> int:
    """Return the virtual size of a qcow2 image (QEMU's docs/interop/qcow2.txt).

    Raise ResourceError for one that refers to other files: its author could make the node read any of its files.
    """
    if len(head) < 104:
        raise ResourceError("is a truncated qcow2 image")
    version, backing, size, crypt, features = struct.unpack_from(">4xIQ8xQI36xQ", head)
    if version not in {2, 3}:
        raise ResourceError(f"is a qcow2 image of the unknown version {version}")
    features = features if version == 3 else 0
    if backing or features & 4:
        raise ResourceError("is a qcow2 image that needs a further file (backing file or external data)")
    if crypt:
        raise ResourceError("is an encrypted qcow2 image; decrypt it first")
    if features & 2:
        raise ResourceError("is a qcow2 image marked as corrupt")
    return int(size)


def used_parts(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of the parts of `data` (which lies at `offset`) that are not all zero."""
    start = None
    for at in range(0, len(data), GRAIN):
        zero = data[at : at + GRAIN] == ZERO[: len(data) - at]
        if zero and start is not None:
            yield offset + start, data[start:at]
            start = None
        elif not zero and start is None:
            start = at
    if start is not None:
        yield offset + start, data[start:]
