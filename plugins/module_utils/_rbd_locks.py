# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds the exclusive locks of VMs' disks.

Private to the collection.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

THREADS = 16


def owners(cluster: Cluster, pool: str, images: Iterable[str]) -> dict[str, str]:
    """The IP address of the client that has the lock of each image; none for those that are free or not there."""
    rbd = importlib.import_module("rbd")
    found: dict[str, str] = {}
    with cluster.ioctx(pool) as ioctx:

        def look(name: str) -> None:
            with suppress(rbd.ImageNotFound), rbd.Image(ioctx, name) as image:
                for owner in image.lock_get_owners():
                    found[name] = owner["owner"].rpartition(":")[0].strip("[]")

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(look, images))
    return found


def stale(held: Mapping[str, str], disks: Mapping[str, str], where: Mapping[str, str | None]) -> list[Object]:
    """The locks of those who do not run the VM: `disks` is image -> VM, `where` VM -> its node's address."""
    return [
        {"image": image, "vm": disks[image], "owner": owner}
        for image, owner in sorted(held.items())
        if where.get(disks[image]) != owner
    ]
