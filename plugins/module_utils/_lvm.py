# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logical volumes: which are active, what is on them, and making and removing them.

Private to the collection.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _bluestore
from ansible_collections.cairn.hci.plugins.module_utils._ceph_daemon import run
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

BLOCKS = Path("/sys/class/block")
# What ceph-volume calls its own, too: the uuid of an OSD is in the names of its volumes.
GROUP, BLOCK, DB = "ceph-", "osd-block-", "osd-db-"
HEAD = 16 << 20


def _attribute(kernel: str, name: str) -> str:
    """An attribute of a device in sysfs; empty where it has none."""
    try:
        return (BLOCKS / kernel / name).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def active() -> dict[str, str]:
    """The active devices of device-mapper: uuid -> kernel name."""
    return {_attribute(entry.name, "dm/uuid"): entry.name for entry in BLOCKS.glob("dm-*")}


def opened(kernel: str) -> list[str]:
    """The encrypted devices that are open on a volume, by kernel name."""
    holders = sorted(entry.name for entry in (BLOCKS / kernel / "holders").glob("*"))
    return [name for name in holders if _attribute(name, "dm/uuid").startswith("CRYPT-")]


def looked_into(volume: Object, kernels: dict[str, str], busy: Callable[[str], bool]) -> Object:
    """A volume with its kernel name (None: not active), whether it is in use, and the label on it."""
    kernel = kernels.get(volume["dm_uuid"])
    top = next(iter(opened(kernel)), kernel) if kernel else None
    label = _bluestore.read(f"/dev/{top}") if top else None
    return volume | {"kernel": kernel, "busy": bool(kernel) and busy(f"/dev/{kernel}"), "label": label}


def create_group(path: str) -> str:
    """Make a volume group of an empty device, and return its name."""
    name = f"{GROUP}{uuid.uuid4()}"
    run("vgcreate", "--yes", name, path)
    return name


def create_volume(group: str, name: str, extents: int, path: str) -> str:
    """Make a volume on a device of a group; return both names, as ceph-volume takes them."""
    command = ["lvcreate", "--yes", "--wipesignatures", "y", "--extents", str(extents), "--name", name, group, path]
    run(*command)
    return f"{group}/{name}"


def close(kernel: str) -> None:
    """Close what is open on a volume."""
    for name in opened(kernel):
        run("cryptsetup", "close", _attribute(name, "dm/name"))


def remove_volume(volume: Object) -> None:
    """Remove a volume with what is on it; nothing must use it any more."""
    run("lvchange", "--yes", "--activate", "y", f"{volume['group']}/{volume['name']}")
    kernel = active().get(volume["dm_uuid"])
    if kernel:
        close(kernel)
        try:
            # O_EXCL: refused while something uses it.
            handle = os.open(f"/dev/{kernel}", os.O_WRONLY | os.O_EXCL)
            with open(handle, "wb", buffering=0) as file:
                file.write(bytes(min(HEAD, volume["size"])))
                os.fsync(handle)
        except OSError as error:
            raise ResourceError(
                f"The volume {volume['group']}/{volume['name']} can't be erased: {error}; see what uses it, or pull "
                "its disk where that is dead."
            ) from error
    run("lvremove", "--yes", f"{volume['group']}/{volume['name']}")


def remove_group(group: str, path: str) -> None:
    """Remove a group without volumes, and LVM from its device."""
    # Without --yes: it would take volumes along that are on other devices of the group.
    run("vgremove", group)
    run("pvremove", "--yes", path)


def deactivate(volume: Object) -> None:
    """Have the kernel let go of a volume, so that its disk can be pulled."""
    kernel = active().get(volume["dm_uuid"])
    if kernel:
        close(kernel)
        run("lvchange", "--yes", "--activate", "n", f"{volume['group']}/{volume['name']}")


def stale(osd_uuid: str) -> list[str]:
    """The names of volumes of an OSD that are active although their disk is gone, what is open on them first."""
    part = f"{BLOCK}{osd_uuid}".replace("-", "--")
    found = []
    for kernel in active().values():
        name = _attribute(kernel, "dm/name")
        if name.endswith(part):
            found += [*(_attribute(top, "dm/name") for top in opened(kernel)), name]
    return found


def drop(name: str) -> None:
    """Remove a device of device-mapper that has lost its disk."""
    try:
        run("dmsetup", "remove", "--retry", name)
    except ResourceError:
        # Something still has it open: every access fails from now on, and it is gone with the last user.
        run("dmsetup", "remove", "--force", "--deferred", name)
