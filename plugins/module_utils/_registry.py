# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The definitions of the VMs that the cluster looks after: an omap in RADOS, from a VM's name to its domain's XML.

All are read in one operation, and written in one.

Private to the collection.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster, librados
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

OBJECT = "cairn.vms"
PAGE = 1000


def read(ioctx: Any) -> dict[str, str]:
    """All definitions."""
    rados, after = librados(), ""
    found: dict[str, str] = {}
    while True:
        with rados.ReadOpCtx() as operation:
            values, _status = ioctx.get_omap_vals(operation, after, "", PAGE)
            try:
                ioctx.operate_read_op(operation, OBJECT)
            except rados.ObjectNotFound:
                return {}
            page = {name: value.decode() for name, value in values}
        found |= page
        if len(page) < PAGE:
            return found
        after = max(page)


def write(cluster: Cluster, pool: str, put: dict[str, str], remove: list[str]) -> None:
    """Write and remove definitions in one operation. Raise ResourceError when Ceph refuses."""
    rados = librados()
    with cluster.ioctx(pool) as ioctx, rados.WriteOpCtx() as operation:
        if put:
            ioctx.set_omap(operation, tuple(put), tuple(text.encode() for text in put.values()))
        if remove:
            ioctx.remove_omap_keys(operation, tuple(remove))
        try:
            ioctx.operate_write_op(operation, OBJECT)
        except rados.Error as error:
            raise ResourceError(f"The registry of VMs in pool {pool} can't be written: {error}") from error
