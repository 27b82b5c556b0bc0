# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud-init seeds in RBD images or files, as a resource.

Private to the collection.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _seed
from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster
from ansible_collections.cairn.hci.plugins.module_utils._rbd_header import METADATA, read_header
from ansible_collections.cairn.hci.plugins.module_utils._rbd_read import Pools
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, Resource, ResourceError

DIGEST = "cairn.sha256"
DOCUMENTS = ("user_data", "meta_data", "network_config")
MODE = "0600"
THREADS = 16
MEBIBYTE = 1024**2


class Seeds(Resource):
    """Seeds; the cluster is asked only when one of them is an RBD image."""

    plural = "seeds"

    def __init__(self, params: Object) -> None:
        """Keep the parameters."""
        super().__init__(params)
        self.cluster = Cluster(params)
        self.pools: Pools | None = None
        self.content: dict[str, dict[str, bytes]] = {}

    def items(self) -> list[Object]:
        """The options, in either form."""
        return [self.params] if self.params.get("seeds") is None else self.params["seeds"]

    def open(self) -> None:
        """Connect, if need be."""
        if any(item.get("pool") for item in self.items()):
            self.cluster.open()
            self.pools = Pools(self.cluster)

    def close(self) -> None:
        """Disconnect; and forget the documents, as Ansible returns the options and they may hold password hashes."""
        if self.pools is not None:
            self.pools.close()
        self.cluster.close()
        for item in self.items():
            item |= {name: "hidden" for name in DOCUMENTS if item.get(name)}

    def identity(self, item: Object) -> str:
        """Where it is."""
        return str(item["file"] or f"{item['pool']}/{item['name']}")

    # -- reading

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the seeds with the digests of what they hold; without names, those of the pool."""
        found = {}
        pools = {item["pool"] for item in self.items() if item.get("pool")}
        numbers = {} if self.pools is None else {pool: self.pools.images(pool) for pool in pools & self.pools.names}
        every = [{"name": name, "pool": pool, "file": None} for pool in numbers for name in numbers[pool]]
        for item in every if wanted is None else wanted:
            entry = self.read_file(item) if item.get("file") else self.read_image(item, numbers.get(item["pool"], {}))
            if entry is not None and (entry["sha256"] or wanted is not None):
                found[self.identity(item)] = entry
        return found

    def read_image(self, item: Object, numbers: dict[str, str]) -> Object | None:
        """The seed in an RBD image; its digest is removed while it is written."""
        if self.pools is None or item["name"] not in numbers:
            return None
        with self.pools.explained(self.identity(item)):
            header = read_header(self.pools[item["pool"]], numbers[item["name"]]) or {}
        value = header.get(METADATA + DIGEST, b"").decode()
        return {"name": item["name"], "pool": item["pool"], "sha256": value}

    def read_file(self, item: Object) -> Object | None:
        """The seed in a file."""
        try:
            with open(item["file"], "rb") as handle:
                handle.seek(_seed.MARK_AT)
                value = _seed.digest_in(handle.read(_seed.MARK_LENGTH))
                mode = f"{os.fstat(handle.fileno()).st_mode & 0o7777:04o}"
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ResourceError(f"Seed {item['file']}: {error.strerror}.") from error
        return {"name": item["name"], "file": item["file"], "sha256": value, "mode": mode}

    # -- planning

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """The digest in place of the documents, which never enter a plan."""
        if bool(wanted.get("pool")) == bool(wanted.get("file")):
            raise ResourceError(f"Seed {wanted['name']} needs either a pool or a file.")
        where = {name: wanted[name] for name in ("name", "pool", "file", "state") if wanted.get(name)}
        if wanted["state"] == "absent":
            return where
        content = self.content[self.identity(wanted)] = _seed.files(wanted["name"], wanted)
        return where | {"sha256": _seed.digest(content)} | ({"mode": MODE} if wanted.get("file") else {})

    # -- acting

    def apply_all(self, work: list[tuple[Object | None, Object, list[Change]]]) -> None:
        """Work in threads: most of the time is waiting for Ceph."""
        with ThreadPoolExecutor(THREADS) as threads:
            for _done in threads.map(lambda one: self.apply(*one), work):
                pass

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Write or remove one seed."""
        removes = any(change.action == "remove" for change in changes)
        if wanted.get("file"):
            self.remove_file(wanted["file"]) if removes else self.write_file(wanted["file"], self.bytes_of(wanted))
        elif removes:
            self.remove_image(wanted)
        else:
            self.write_image(wanted, self.bytes_of(wanted))

    def bytes_of(self, wanted: Object) -> bytes:
        """The file system of a seed."""
        return _seed.image(self.content[wanted.get("file") or f"{wanted['pool']}/{wanted['name']}"])

    def write_file(self, name: str, data: bytes) -> None:
        """Write atomically, readable by root only; libvirt gives it to QEMU while a domain runs."""
        path = Path(name)
        try:
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            try:
                with os.fdopen(handle, "wb") as output:
                    output.write(data)
                    output.flush()
                    os.fsync(output.fileno())
                os.replace(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as error:
            raise ResourceError(f"Seed {name}: {error.strerror}.") from error

    def remove_file(self, name: str) -> None:
        """Remove a file."""
        Path(name).unlink(missing_ok=True)

    def connected(self) -> Pools:
        """The pools of the cluster."""
        if self.pools is None:
            raise ResourceError("There is no connection to a Ceph cluster.")
        return self.pools

    def write_image(self, wanted: Object, data: bytes) -> None:
        """Write in place, as a guest that runs may have it open; the digest is set when all is written."""
        pools = self.connected()
        pool, name = pools[wanted["pool"]], wanted["name"]
        size = -(-len(data) // MEBIBYTE) * MEBIBYTE
        with pools.explained(f"{wanted['pool']}/{name}"):
            with suppress(pools.rbd.ImageExists):
                pools.rbd.RBD().create(pool, name, size, old_format=False)
            with pools.rbd.Image(pool, name) as image:
                with suppress(KeyError):
                    image.metadata_remove(DIGEST)
                if image.size() < size:
                    image.resize(size)
                image.write(data, 0)
                image.flush()
                image.metadata_set(DIGEST, wanted["sha256"])

    def remove_image(self, wanted: Object) -> None:
        """Move an image to the trash."""
        pools = self.connected()
        with pools.explained(f"{wanted['pool']}/{wanted['name']}"), suppress(pools.rbd.ImageNotFound):
            pools.rbd.RBD().trash_move(pools[wanted["pool"]], wanted["name"], 0)
