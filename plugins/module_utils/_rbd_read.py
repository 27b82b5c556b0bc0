# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is of RBD images.

Images are opened read-only, which takes no lock and leaves no watch.

Private to the collection.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster, librados
from ansible_collections.cairn.hci.plugins.module_utils._rbd import (
    ORIGIN,
    UNFINISHED,
    endangered,
    feature_names,
    path_of,
)
from ansible_collections.cairn.hci.plugins.module_utils._resource import MissingLibrary, Object, ResourceError


def librbd() -> ModuleType:
    """Return the binding. Raise MissingLibrary on a node that lacks it."""
    try:
        return importlib.import_module("rbd")
    except ImportError as error:
        raise MissingLibrary("rbd", "python3-rbd", error) from error


class Pools:
    """The pools of a connected cluster, each opened once, and what is read from them."""

    def __init__(self, cluster: Cluster) -> None:
        """Use the connected `cluster`."""
        self.cluster = cluster
        self.rbd = librbd()
        self.names = set(cluster.rados.list_pools())
        self._open: dict[str, Any] = {}
        self._stack = ExitStack()

    def close(self) -> None:
        """Close all pools."""
        self._stack.close()
        self._open.clear()

    def __getitem__(self, pool: str) -> Any:
        """The I/O context of `pool`. Raise ResourceError where there is no such pool."""
        if pool not in self._open:
            self._open[pool] = self._stack.enter_context(self.cluster.ioctx(pool))
        return self._open[pool]

    @contextmanager
    def explained(self, where: str) -> Iterator[None]:
        """Turn the bindings' errors into a sentence about the image `where`."""
        try:
            yield
        except self.rbd.ImageBusy as error:
            raise ResourceError(f"Image {where} came into use meanwhile; see 'rbd status {where}'.") from error
        except (self.rbd.Error, librados().Error) as error:
            if "errno 110" in str(error):
                message = f"Image {where}: Ceph did not answer within {self.cluster.timeout} s; see 'ceph status'."
                raise ResourceError(message) from error
            raise ResourceError(f"Image {where}: {error}") from error

    def images(self, pool: str) -> dict[str, str]:
        """The id of each image in `pool`, by name."""
        with self.explained(pool):
            return {entry["name"]: entry["id"] for entry in self.rbd.RBD().list2(self[pool])}

    def snapshot(self, pool: str, name: str, snapshot: str) -> Object | None:
        """Size in bytes and protection of a snapshot; None where there is none."""
        if pool not in self.names:
            return None
        try:
            with self.rbd.Image(self[pool], name, snapshot=snapshot, read_only=True) as image:
                return {"size": image.size(), "protected": image.is_protected_snap(snapshot)}
        except self.rbd.ImageNotFound:
            return None

    def describe(self, item: Object, number: str) -> Object:
        """Return what the image `item`, whose id is `number`, is: the modules' return value."""
        pool = self[item["pool"]]
        try:
            with self.explained(path_of(item)), self.rbd.Image(pool, item["name"], read_only=True) as image:
                found = self.to_dict(image, item)
                if names := endangered(found, item):
                    found["children"] = clones_of(image, names)
                if never_cloned(found, item) and not has_data(pool, image.block_name_prefix()):
                    found["unfinished"] = "creation"
                return found
        except ResourceError as error:
            if not isinstance(error.__cause__, self.rbd.ImageNotFound):
                raise
        if has_data(pool, f"rbd_data.{number}"):
            raise ResourceError(f"Image {path_of(item)} has lost its header but has data: rescue it, then remove it.")
        return {"pool": item["pool"], "name": item["name"], "unfinished": "creation", "watchers": []}

    def leftover(self, item: Object) -> Object:
        """What an interrupted import, or one under way, left of `item`."""
        with self.explained(path_of(item)):
            name = item["name"] + UNFINISHED
            with self.rbd.Image(self[item["pool"]], name, read_only=True) as image:
                return {"pool": item["pool"], "name": item["name"], "unfinished": "import", "watchers": watchers(image)}

    def to_dict(self, image: Any, item: Object) -> Object:
        """Return what an open image is."""
        snapshots = sorted(entry["name"] for entry in image.list_snaps() if not entry.get("namespace"))
        home = image.data_pool_id()
        return {
            "pool": item["pool"],
            "name": item["name"],
            "size": image.size(),
            "parent": self.parent(image),
            "features": feature_names(image.features()),
            "data_pool": None if home == self[item["pool"]].get_pool_id() else self.pool_name(home),
            "snapshots": snapshots,
            "protected": [snapshot for snapshot in snapshots if image.is_protected_snap(snapshot)],
            "metadata": dict(image.metadata_list()),
            "watchers": watchers(image),
        }

    def pool_name(self, number: int) -> str:
        """The name of the pool with this number."""
        return str(self.cluster.rados.pool_reverse_lookup(number))

    def parent_of(self, item: Object) -> str | None:
        """The snapshot of which the image `item` is a clone."""
        with (
            self.explained(path_of(item)),
            self.rbd.Image(self[item["pool"]], item["name"], read_only=True) as image,
        ):
            return self.parent(image)

    def parent(self, image: Any) -> str | None:
        """The snapshot of which an open image is a clone."""
        try:
            spec = image.get_parent_image_spec()
        except self.rbd.ImageNotFound:
            return None
        return f"{spec['pool_name']}/{spec['image_name']}@{spec['snap_name']}"

    def hosts(self) -> dict[str, str]:
        """The cluster's hosts by address, as far as its OSDs know them; nothing for a client that may not ask."""
        try:
            entries = self.cluster.command({"prefix": "osd metadata"}) or []
        except ResourceError:
            return {}
        addresses = [(entry, entry.get("front_addr", "") + entry.get("back_addr", "")) for entry in entries]
        return {
            ip: entry["hostname"] for entry, text in addresses for ip in re.findall(r"v[12]:\[?([^,\]/]+)\]?:", text)
        }


def watchers(image: Any) -> list[Object]:
    """The clients that hold an image open for writing."""
    return [
        {"client": f"client.{entry['id']}", "address": entry["addr"].rsplit(":", 1)[0].strip("[]")}
        for entry in image.watchers_list()
    ]


def clones_of(image: Any, snapshots: list[str]) -> dict[str, list[str]]:
    """The clones of each snapshot."""
    found = {}
    for snapshot in snapshots:
        image.set_snap(snapshot)
        found[snapshot] = sorted(
            f"{child['pool']}/{child['image']}" + (" (in the trash)" if child["trash"] else "")
            for child in image.list_children2()
        )
    image.set_snap(None)
    return found


def never_cloned(found: Object, item: Object) -> bool:
    """Whether an image that shall be a clone has neither a parent nor a trace of one: its making may have been cut."""
    return bool(item.get("clone_of")) and not (found["parent"] or found["snapshots"] or ORIGIN in found["metadata"])


def has_data(pool: Any, prefix: str) -> bool:
    """Whether the first block of an image was ever written; no disk is used without it."""
    try:
        pool.stat(f"{prefix}.{0:016x}")
    except librados().ObjectNotFound:
        return False
    return True
