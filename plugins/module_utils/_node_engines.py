# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node already has of libvirt and of Ceph, without failing where there is nothing.

Private to the collection.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster
from ansible_collections.cairn.hci.plugins.module_utils._rbd_header import number_in, read_header
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

ROOT = Path("/")
ADMIN = Path("/etc/ceph/ceph.client.admin.keyring")
PAGE = 1000
# A cluster that does not answer within this time is one that the run may be there to repair.
PATIENCE = 5


def binding(name: str) -> ModuleType | None:
    """A Python binding, where it is installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def libvirt(root: Path = ROOT) -> Object:
    """The version of libvirt and the node's domains; by what lies on the disk where the daemon does not answer.

    A domain that is overlooked would be started a second time elsewhere, so no answer must not mean no domains.
    """
    answers: list[Object] = []
    asking = Thread(target=lambda: answers.append(ask_libvirt()), daemon=True)
    asking.start()
    asking.join(PATIENCE * 2)
    answer = answers[0] if answers else {"libvirt_version": None, "libvirt_error": "it does not answer"}
    return {"domains": defined(root)} | answer


def ask_libvirt() -> Object:
    """Ask the daemon; without the key `domains` where that can't be done."""
    library = binding("libvirt")
    if library is None or not Path("/usr/sbin/libvirtd").exists():
        return {"libvirt_version": None, "libvirt_error": None}
    library.registerErrorHandler(lambda _context, _error: None, None)
    try:
        connection = library.open("qemu:///system")
        number = connection.getLibVersion()
        version = f"{number // 1000000}.{number // 1000 % 1000}.{number % 1000}"
        domains = [domain(one) for one in connection.listAllDomains()]
        connection.close()
    except library.libvirtError as error:
        return {"libvirt_version": None, "libvirt_error": str(error)}
    return {"libvirt_version": version, "libvirt_error": None, "domains": domains}


def domain(found: Any) -> Object:
    """One domain, with its memory in bytes."""
    _state, maximum, _memory, vcpus, _time = found.info()
    return {
        "name": found.name(),
        "uuid": found.UUIDString(),
        "memory": maximum * 1024,
        "vcpus": vcpus,
        "active": bool(found.isActive()),
    }


def defined(root: Path = ROOT) -> list[Object]:
    """The domains by their definitions in /etc/libvirt/qemu; those with a file in /run/libvirt/qemu are active."""
    found = []
    for path in sorted((root / "etc/libvirt/qemu").glob("*.xml")):
        try:
            tree = ElementTree.parse(path)
            sizes = {name: int(tree.findtext(name, "0")) for name in ("memory", "vcpu")}
        except (OSError, ElementTree.ParseError, ValueError):
            continue
        found.append(
            {
                "name": tree.findtext("name", path.stem),
                "uuid": tree.findtext("uuid", ""),
                "memory": sizes["memory"] * 1024,
                "vcpus": sizes["vcpu"],
                "active": (root / f"run/libvirt/qemu/{path.name}").exists(),
            }
        )
    return found


def images(timeout: int = PATIENCE) -> dict[str, int] | None:
    """The size in bytes of every RBD image, by `pool/name`; None where no cluster can be asked.

    Read from the images' header objects: opening a thousand images takes seconds, this does not.
    """
    rados = binding("rados")
    if rados is None or not ADMIN.exists():
        return None
    options = {"conf": "/etc/ceph/ceph.conf", "client": "client.admin", "keyring": None, "timeout": timeout}
    try:
        with Cluster(options) as cluster:
            pools = cluster.command({"prefix": "osd pool ls", "detail": "detail"})
            names = [pool["pool_name"] for pool in pools if "rbd" in pool["application_metadata"]]
            return {f"{pool}/{name}": size for pool in names for name, size in pool_images(cluster, pool, rados)}
    except (ResourceError, rados.Error):
        return None


def pool_images(cluster: Cluster, pool: str, rados: ModuleType) -> Iterator[tuple[str, int]]:
    """Name and size of each image of a pool."""
    context = cluster.ioctx(pool)
    try:
        for name, number in directory(context, rados):
            size = (read_header(context, number) or {}).get("size")
            if size is not None:
                yield name, number_in(size)
    finally:
        context.close()


def directory(context: Any, rados: ModuleType) -> Iterator[tuple[str, str]]:
    """Name and id of each image, from the pool's object rbd_directory (Ceph's src/cls/rbd/cls_rbd.cc)."""
    after = ""
    while True:
        with rados.ReadOpCtx() as operation:
            keys, _status = context.get_omap_vals(operation, after, "name_", PAGE)
            try:
                context.operate_read_op(operation, "rbd_directory")
            except rados.ObjectNotFound:
                return
            page = dict(keys)
        for key, value in page.items():
            # A string of Ceph's encoding: its length in four bytes, then its text.
            yield key.removeprefix("name_"), value[4:].decode()
        if len(page) < PAGE:
            return
        after = max(page)
