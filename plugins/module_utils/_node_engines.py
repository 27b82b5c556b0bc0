# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node already has of libvirt and of Ceph, without failing where there is nothing.

Private to the collection.
"""

from __future__ import annotations

import importlib
import struct
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

ROOT = Path("/")
ADMIN = Path("/etc/ceph/ceph.client.admin.keyring")
DIRECTORY = "rbd_directory"
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

    Read from the images' header objects (doc/dev/rbd-layering and src/cls/rbd/cls_rbd.cc): opening a thousand
    images takes seconds, this does not.
    """
    if not ADMIN.exists():
        return None
    options = {"conf": "/etc/ceph/ceph.conf", "client": "client.admin", "keyring": None, "timeout": timeout}
    try:
        with Cluster(options) as cluster:
            pools = cluster.command({"prefix": "osd pool ls", "detail": "detail"})
            names = [pool["pool_name"] for pool in pools if "rbd" in pool["application_metadata"]]
            return {f"{pool}/{name}": size for pool in names for name, size in pool_images(cluster, pool).items()}
    except ResourceError:
        return None


def pool_images(cluster: Cluster, pool: str) -> dict[str, int]:
    """The sizes of one pool's images by name."""
    rados = importlib.import_module("rados")
    context = cluster.ioctx(pool)
    try:
        ids = {
            key.removeprefix("name_"): value[4:].decode()
            for key, value in omap(rados, context, DIRECTORY, "name_").items()
        }
        headers = {name: omap(rados, context, f"rbd_header.{ident}", "size") for name, ident in ids.items()}
        return {name: struct.unpack("<Q", header["size"])[0] for name, header in headers.items() if "size" in header}
    finally:
        context.close()


def omap(rados: ModuleType, context: Any, name: str, prefix: str) -> dict[str, bytes]:
    """The entries of an object's omap that begin with `prefix`; none where there is no such object."""
    found: dict[str, bytes] = {}
    with rados.ReadOpCtx() as operation:
        while True:
            after = max(found, default="")
            entries, _code = context.get_omap_vals(operation, after, prefix, 1000)
            try:
                context.operate_read_op(operation, name)
            except rados.ObjectNotFound:
                return found
            page = dict(entries)
            found |= page
            if len(page) < 1000:
                return found
