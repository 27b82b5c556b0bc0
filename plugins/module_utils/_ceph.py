# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to a Ceph cluster, through librados.

Nothing here waits longer than the option `timeout`, and every error is a :class:`ResourceError`.

Private to the collection.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
from types import ModuleType
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._resource import (
    MissingLibrary,
    NotInstalled,
    Object,
    Resource,
    ResourceError,
)

CONNECTION: Object = {
    "conf": {"type": "path", "default": "/etc/ceph/ceph.conf"},
    "client": {"type": "str", "default": "client.admin"},
    "keyring": {"type": "path", "no_log": False},
    "timeout": {"type": "int", "default": 30},
}


def librados() -> ModuleType:
    """Return the binding. Raise MissingLibrary on a node that lacks it."""
    try:
        return importlib.import_module("rados")
    except ImportError as error:
        raise MissingLibrary("rados", "python3-rados", error) from error


class CommandError(ResourceError):
    """A command that the cluster refused; `number` is the errno."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


class Cluster:
    """A connection as one client. Use it as a context manager, or call :meth:`open` and :meth:`close`."""

    def __init__(self, params: Object) -> None:
        """Take the options of the documentation fragment `cairn.hci._ceph`."""
        self.conf: str = params["conf"]
        self.client: str = params["client"]
        self.keyring: str | None = params.get("keyring")
        self.timeout: int = params["timeout"]
        self.rados: Any = None

    def __enter__(self) -> Cluster:
        """Connect."""
        return self.open()

    def __exit__(self, *_error: object) -> None:
        """Disconnect."""
        self.close()

    def open(self) -> Cluster:
        """Connect. Raise NotInstalled on a node without Ceph, ResourceError where the cluster can't be reached."""
        if not os.path.exists(self.conf):
            raise NotInstalled(
                f"{self.conf} does not exist: this node is in no Ceph cluster yet; run the role ceph first."
            )
        rados = librados()
        limit = str(self.timeout)
        settings = dict.fromkeys(("client_mount_timeout", "rados_mon_op_timeout", "rados_osd_op_timeout"), limit)
        settings |= {"log_to_stderr": "false", "err_to_stderr": "false"}
        if self.keyring:
            settings["keyring"] = self.keyring
        try:
            self.rados = rados.Rados(name=self.client, conffile=self.conf, conf=settings)
            self.rados.connect()
        except rados.ObjectNotFound as error:
            self.close()
            where = self.keyring or "/etc/ceph"
            raise NotInstalled(f"This node has no keyring of {self.client} ({where}): use a monitor's node.") from error
        except rados.Error as error:
            self.close()
            raise ResourceError(self.refusal(error)) from error
        return self

    def refusal(self, error: Exception) -> str:
        """Say why the connection failed, and what to do."""
        number = getattr(error, "errno", None)
        if number == errno.ETIMEDOUT:
            return (
                f"The Ceph monitors named in {self.conf} gave no answer within {self.timeout} s: see whether most "
                "of them run (systemctl status 'ceph-mon@*' on their nodes) and answer on the storage network."
            )
        if number in {errno.EACCES, errno.EPERM}:
            return f"Ceph does not accept the key of {self.client}: compare it with 'ceph auth get {self.client}'."
        return f"The Ceph cluster of {self.conf} can't be reached as {self.client}: {error}"

    def close(self) -> None:
        """Disconnect; harmless when not connected."""
        if self.rados is not None:
            self.rados.shutdown()
            self.rados = None

    def command(self, command: Object, data: bytes = b"", *, manager: bool = False) -> Any:
        """Have the monitors (or the active manager) carry out `command`, such as {"prefix": "osd dump"}.

        Return the parsed JSON, None where the cluster answers nothing. Raise CommandError for what it refuses. `data`
        is what the command line tool would read from `-i`.
        """
        output = self.output({"format": "json", **command}, data, manager=manager)
        return json.loads(output) if output.strip() else None

    def output(self, command: Object, data: bytes = b"", *, manager: bool = False) -> bytes:
        """As :meth:`command`, for the few that answer bytes."""
        rados = librados()
        send = self.rados.mgr_command if manager else self.rados.mon_command
        try:
            number, output, text = send(json.dumps(command), data)
        except rados.Error as error:
            number, output, text = -(getattr(error, "errno", None) or errno.EIO), b"", str(error)
        if number:
            raise CommandError(-number, self.failure(str(command["prefix"]), -number, text))
        return bytes(output)

    def failure(self, prefix: str, number: int, text: str) -> str:
        """Say why a command failed."""
        if number == errno.ETIMEDOUT:
            return f"Ceph did not finish '{prefix}' within {self.timeout} s: see 'ceph status'."
        return f"Ceph refused '{prefix}': {text or os.strerror(number)}"

    def ioctx(self, pool: str) -> Any:
        """Return the I/O context of `pool`; close it after use (it is a context manager)."""
        rados = librados()
        try:
            return self.rados.open_ioctx(pool)
        except rados.ObjectNotFound as error:
            raise ResourceError(f"Ceph has no pool {pool!r}: add it to ceph_pools and run the role ceph.") from error
        except rados.Error as error:
            raise ResourceError(f"The Ceph pool {pool!r} can't be opened as {self.client}: {error}") from error


class CephResource(Resource):
    """A kind of object that a Ceph cluster holds."""

    def __init__(self, params: Object) -> None:
        """Keep the parameters; :meth:`open` connects."""
        super().__init__(params)
        self.cluster = Cluster(params)

    def open(self) -> None:
        """Connect."""
        self.cluster.open()

    def close(self) -> None:
        """Disconnect."""
        self.cluster.close()
