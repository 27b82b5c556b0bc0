# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RBD images as a resource, over librbd.

Making or opening an image takes some milliseconds of waiting, in which the binding lets other threads work.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils import _rbd, _rbd_options
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource
from ansible_collections.cairn.hci.plugins.module_utils._rbd import UNFINISHED, path_of, shows_users
from ansible_collections.cairn.hci.plugins.module_utils._rbd_header import Header, decode, plain, read_header
from ansible_collections.cairn.hci.plugins.module_utils._rbd_make import Maker
from ansible_collections.cairn.hci.plugins.module_utils._rbd_order import missing, waves
from ansible_collections.cairn.hci.plugins.module_utils._rbd_read import Pools
from ansible_collections.cairn.hci.plugins.module_utils._rbd_source import Source
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size

# Measured: 4 threads make images as fast as 32; 16 read them fastest.
THREADS = 32


class Images(CephResource):
    """The images of RBD pools."""

    plural = "images"

    def __init__(self, params: Object) -> None:
        """Keep the parameters."""
        super().__init__(params)
        self.pools: Pools
        self.maker: Maker
        self.stack = ExitStack()
        self.parents: dict[str, Object | None] = {}
        self.sources: dict[str, Source] = {}

    def open(self) -> None:
        """Connect."""
        super().open()
        # Every image open for writing would have a cache of its own.
        self.cluster.rados.conf_set("rbd_cache", "false")
        self.pools = Pools(self.cluster)
        self.stack.callback(self.pools.close)
        self.maker = Maker(self.pools)

    def close(self) -> None:
        """Close pools and files, and disconnect."""
        self.stack.close()
        super().close()

    def identity(self, item: Object) -> str:
        """`pool/name`."""
        return path_of(item)

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """List each pool once, then open the images that are there."""
        if wanted is None:
            pool = self.params["pool"]
            wanted = [{"pool": pool, "name": name} for name in self.pools.images(pool)]
        names = {pool: self.pools.images(pool) for pool in {item["pool"] for item in wanted} & self.pools.names}
        found = self.read_plain([item for item in wanted if not shows_users(item)], names)

        def look(item: Object) -> Object | None:
            there = names.get(item["pool"], {})
            if item["name"] in there:
                return self.pools.describe(item, there[item["name"]])
            return self.pools.leftover(item) if item["name"] + UNFINISHED in there else None

        rest = [item for item in wanted if path_of(item) not in found]
        found |= {path_of(item): thing for item, thing in zip(rest, self.each(look, rest), strict=True) if thing}
        self.read_parents([item for item in rest if found.get(path_of(item), {"unfinished": True}).get("unfinished")])
        self.name_hosts([found[path_of(item)] for item in wanted if path_of(item) in found and shows_users(item)])
        return found

    def read_plain(self, items: list[Object], names: dict[str, dict[str, str]]) -> dict[str, Object]:
        """Read the images whose header says all; the name of each parent comes from one of its clones, opened."""
        headers: dict[str, Header] = {}
        clones: dict[bytes, Object] = {}
        there = [item for item in items if item["name"] in names.get(item["pool"], {})]

        def look(item: Object) -> Header | None:
            with self.pools.explained(path_of(item)):
                return read_header(self.pools[item["pool"]], names[item["pool"]][item["name"]])

        for item, header in zip(there, self.each(look, there), strict=True):
            if header and plain(header) and ("parent" in header or not item.get("clone_of")):
                headers[path_of(item)] = header
                clones.setdefault(header.get("parent", b""), item)
        clones.pop(b"", None)
        parents = dict(zip(clones, self.each(self.pools.parent_of, list(clones.values())), strict=True))
        return {
            path_of(item): decode(headers[path_of(item)], item, parents) for item in items if path_of(item) in headers
        }

    def read_parents(self, items: list[Object]) -> None:
        """Look at the snapshots from which `items` shall be cloned."""
        for item in items:
            # A wrong spelling is reported together with all other errors, when the plans are made.
            with suppress(ResourceError):
                pool, name, snapshot = _rbd_options.split_snapshot(item.get("clone_of") or "", item["pool"])
                key = f"{pool}/{name}@{snapshot}"
                if self.parents.get(key) is None:
                    self.parents[key] = self.pools.snapshot(pool, name, snapshot)

    def name_hosts(self, images: list[Object]) -> None:
        """Add the hosts' names to the watchers."""
        watchers = [watcher for image in images for watcher in image["watchers"]]
        hosts = self.pools.hosts() if watchers else {}
        for watcher in watchers:
            watcher["host"] = hosts.get(watcher["address"])

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """One spelling for all options."""
        return _rbd_options.normalise(wanted)

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """The changes of one image."""
        return _rbd.plan(current, wanted, (self.parents.get(wanted["parent"]) or {}).get("size"))

    def each(self, do: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        """Do something with all items, in threads; then raise what went wrong."""
        errors: list[str] = []

        def guarded(item: Any) -> Any:
            try:
                return do(item)
            except ResourceError as error:
                errors.append(str(error))

        with ThreadPoolExecutor(THREADS) as threads:
            results = list(threads.map(guarded, items))
        if errors:
            raise ResourceError("\n".join(errors))
        return results

    def apply_all(self, work: list[tuple[Object | None, Object, list[Change]]]) -> None:
        """See that all can be done, verify all sources, then make parents before their clones."""
        if errors := missing(work, self.pools.names, self.parents):
            raise ResourceError("\n".join(errors))
        for _current, wanted, changes in work:
            if wanted.get("source") and changes[0].action == "create":
                self.sources[path_of(wanted)] = self.open_source(wanted)
        for wave in waves(work):
            # An import uses threads of its own, and their memory.
            for one in [one for one in wave if path_of(one[1]) in self.sources]:
                self.apply(*one)
            self.each(lambda one: self.apply(*one), [one for one in wave if path_of(one[1]) not in self.sources])

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Make, change or remove one image."""
        with self.pools.explained(path_of(wanted)):
            if changes[0].action == "remove":
                self.maker.remove(wanted, current or {})
            elif changes[0].action != "create":
                self.maker.change(wanted, changes)
            elif current and self.maker.finished_elsewhere(wanted, current, self.params["import_timeout"]):
                self.adopt(wanted)
            else:
                self.maker.create(wanted, changes, self.sources.get(path_of(wanted)))

    def adopt(self, wanted: Object) -> None:
        """Go on with an image that another run made while this one waited for it."""
        current = self.read([wanted])[path_of(wanted)]
        if changes := self.plan(current, wanted):
            self.maker.change(wanted, changes)

    def open_source(self, wanted: Object) -> Source:
        """Fetch and verify the source. Raise ResourceError where the image would be smaller."""
        source = Source(wanted, self.params["tmp_dir"], self.params["import_timeout"])
        self.stack.callback(source.close)
        if wanted["size"] and wanted["size"] < source.size:
            raise ResourceError(
                f"Image {path_of(wanted)}: {format_size(wanted['size'])} is smaller than the image in {source.name} "
                f"({format_size(source.size)}): give at least that size."
            )
        return source
