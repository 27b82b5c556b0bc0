# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The label that says which OSD of which cluster a block device is.

Written by `ceph-osd --mkfs` into the device's first 4 KiB: 60 bytes of text, then `bluestore_bdev_label_t` in Ceph's
encoding (src/os/bluestore/bluestore_types.cc), the same from Luminous on. Pure but for :func:`read`.

Private to the collection.
"""

from __future__ import annotations

import struct
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

MAGIC = b"bluestore block device\n"
HEAD = 60
SIZE = 4096


def strings(data: bytes, offset: int, count: int) -> tuple[list[str], int]:
    """Read `count` strings, each after its length; return them and the offset behind them."""
    found = []
    for _index in range(count):
        (length,) = struct.unpack_from("<I", data, offset)
        found.append(data[offset + 4 : offset + 4 + length].decode())
        offset += 4 + length
    return found, offset


def parse(data: bytes) -> Object | None:
    """Return what a label says; None where the data is none.

    `ready`: whether `ceph-osd --mkfs` went to its end. The key of the OSD, which is in the label too, is left out.
    """
    if not data.startswith(MAGIC):
        return None
    label: Object = {"osd_uuid": data[len(MAGIC) : HEAD - 1].decode("ascii", "replace"), "main": False, "ready": False}
    try:
        # After the text: version, compatible version, length (6 bytes), uuid (16), size (8), time (8), description.
        (description,), offset = strings(data, HEAD + 38, 1)
        (count,) = struct.unpack_from("<I", data, offset)
        pairs, _end = strings(data, offset + 4, 2 * count)
    except (struct.error, UnicodeDecodeError):
        return label | {"ceph_fsid": None, "id": None}
    meta = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return label | {
        "main": description == "main",
        "ready": meta.get("ready") == "ready",
        "ceph_fsid": meta.get("ceph_fsid"),
        "id": int(meta["whoami"]) if meta.get("whoami", "").isdigit() else None,
    }


def read(device: str | Path) -> Object | None:
    """Return what the label of a device says; None where there is none, or the device can't be read."""
    try:
        with open(device, "rb") as file:
            return parse(file.read(SIZE))
    except OSError:
        return None
