# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying a verified file into an RBD image. Zeroes are not written, holes are not even read.

Private to the collection.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster
from ansible_collections.cairn.hci.plugins.module_utils._image_file import used_parts
from ansible_collections.cairn.hci.plugins.module_utils._rbd_source import Source

# Measured: as fast as blocks of 4 MiB, with 30 MB less memory.
BLOCK = 1024 * 1024
WRITERS = 8


def data_blocks(handle: int, length: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of what is not zero in an open file."""
    at = 0
    while at < length:
        try:
            at = os.lseek(handle, at, os.SEEK_DATA)
        except OSError:  # ENXIO: no data until the end
            return
        end = os.lseek(handle, at, os.SEEK_HOLE)
        while at < end:
            data = os.pread(handle, min(BLOCK - at % BLOCK, end - at), at)
            yield from used_parts(data, at)
            at += len(data)


def copy_raw(source: Source, image: Any) -> None:
    """Copy a raw file into the open, empty RBD image."""
    pending: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(WRITERS) as pool:
        for offset, data in data_blocks(source.handle, source.length):
            source.remaining()
            pending.append(pool.submit(image.write, data, offset))
            if len(pending) > 2 * WRITERS:
                pending.popleft().result()
        while pending:
            pending.popleft().result()
    image.flush()


def qemu_target(cluster: Cluster, pool: str, name: str) -> str:
    """The image in QEMU's notation, in which a colon separates options.

    Its requests have no time limit of their own: one may wait until Ceph gives up an OSD that fell silent, and has its
    data from others. What ends qemu-img is the time for the whole import.
    """
    options = {
        "id": cluster.client.partition(".")[2],
        "conf": cluster.conf,
        "client_mount_timeout": str(cluster.timeout),
    }
    if cluster.keyring:
        options["keyring"] = cluster.keyring
    escaped = [f"{key}={escape(value)}" for key, value in options.items()]
    return ":".join([f"rbd:{escape(pool)}/{escape(name)}", *escaped])


def escape(text: str) -> str:
    r"""Put a backslash before what QEMU's rbd: notation takes for a separator."""
    return "".join(f"\\{letter}" if letter in r"\:@/=" else letter for letter in text)


def copy_qcow2(source: Source, target: str) -> None:
    """Decode a qcow2 file into the existing, empty RBD image `target`, given in QEMU's notation."""
    options = ("-n", "--target-is-zero", "-W", "-m", "8")
    source.qemu_img("convert", "-f", "qcow2", "-O", "raw", *options, source.path, target, codes={0})
