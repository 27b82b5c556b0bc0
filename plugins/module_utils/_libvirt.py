# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to libvirt.

Private to the collection.
"""

from __future__ import annotations

import errno
import importlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread
from types import ModuleType
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._resource import (
    MissingLibrary,
    NotInstalled,
    Object,
    Resource,
    ResourceError,
)

# Seconds for a daemon on another node; an idle one answers within one.
PATIENCE = 30
CONNECTION: Object = {"uri": {"type": "str", "default": "qemu:///system"}}


def binding() -> ModuleType:
    """Return the binding. Raise MissingLibrary on a node that lacks it."""
    try:
        return importlib.import_module("libvirt")
    except ImportError as error:
        raise MissingLibrary("libvirt", "python3-libvirt", error) from error


def connect(uri: str) -> Any:
    """Return a connection. Raise NotInstalled on a node without libvirt, ResourceError where it does not answer."""
    libvirt = binding()
    # Else the library also writes every error to stderr, into Ansible's output.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    try:
        return libvirt.open(uri)
    except libvirt.libvirtError as error:
        if error.get_int1() == errno.ENOENT:
            raise NotInstalled(
                f"libvirt {uri}: no daemon is installed on this node; run the role libvirt first."
            ) from error
        raise ResourceError(f"libvirt {uri} does not answer: {error.get_error_message()}") from error


def connect_to(node: str) -> Any:
    """Return a connection to the libvirt of another node. Raise ResourceError where it gives none in time.

    libvirt itself waits for ever for a daemon that hangs, so that this is done by a thread that nobody waits for.
    """
    uri = f"qemu+tls://{node}/system"
    done: Future[Any] = Future()

    def attempt() -> None:
        try:
            done.set_result(connect(uri))
        except ResourceError as error:
            done.set_exception(error)

    Thread(target=attempt, daemon=True).start()
    try:
        return done.result(PATIENCE)
    except TimeoutError as error:
        raise ResourceError(f"libvirt {uri} does not answer: it gave no connection within {PATIENCE} s.") from error


def silent(nodes: Iterable[str]) -> dict[str, str]:
    """Why the libvirt of a node can't take a VM now, for each where that is so. All are asked at once."""

    def ask(node: str) -> str:
        try:
            connect_to(node).close()
        except ResourceError as error:
            return str(error)
        return ""

    names = sorted(nodes)
    with ThreadPoolExecutor() as pool:
        return {name: why for name, why in zip(names, pool.map(ask, names), strict=True) if why}


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn an error of libvirt into a ResourceError that begins with `what`."""
    libvirt = binding()
    try:
        yield
    except libvirt.libvirtError as error:
        raise ResourceError(f"{what}: {error.get_error_message() or error}") from error


class LibvirtResource(Resource):
    """Objects of one libvirt daemon; `connection` and the binding `libvirt` are there after :meth:`open`."""

    def __init__(self, params: Object) -> None:
        """Take the options of the documentation fragment `cairn.hci._libvirt`."""
        super().__init__(params)
        self.connection: Any = None
        self.libvirt: Any = None

    def open(self) -> None:
        """Connect."""
        self.connection = connect(self.params["uri"])
        self.libvirt = binding()

    def close(self) -> None:
        """Disconnect."""
        if self.connection is not None:
            self.connection.close()
