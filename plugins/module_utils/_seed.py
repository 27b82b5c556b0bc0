# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud-init seed (data source NoCloud) as an ISO 9660 file system, the same bytes for the same content.

Private to the collection.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import re
import time
import uuid
from threading import Lock
from types import ModuleType
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._resource import MissingLibrary, Object

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "seed.cairn.hci")
LAYOUT = "1"
# The application identifier of the primary volume descriptor (ECMA-119, 8.4): sector 16, from byte 574. In Joliet's
# descriptor it has room for 64 characters, just what a digest needs.
MARK_AT, MARK_LENGTH = 16 * 2048 + 574, 64
_DATED = ("dates", "dr", "headervd", "inode", "pycdlib", "rockridge", "udf", "utils")
_building = Lock()


class _FixedClock:
    """Stands in for the module `time` in pycdlib, which dates everything: it is 2000-01-01, UTC."""

    def __getattr__(self, name: str) -> Any:
        """Another present, the same rest."""
        fixed: Object = {"time": lambda: 946684800.0, "localtime": time.gmtime}
        return fixed.get(name) or getattr(time, name)


def pycdlib() -> ModuleType:
    """Return the library, with its clock stopped. Raise MissingLibrary on a node that lacks it."""
    try:
        library = importlib.import_module("pycdlib")
    except ImportError as error:
        raise MissingLibrary("pycdlib", "python3-pycdlib", error) from error
    for name in _DATED:
        module: Any = importlib.import_module(f"pycdlib.{name}")
        if hasattr(module, "time"):
            module.time = _FixedClock()
    return library


def text(document: Object) -> str:
    """A document as YAML: JSON is YAML, and needs no library on the node."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def files(name: str, options: Object) -> dict[str, bytes]:
    """The files of the seed `name`. Its instance-id stays while its name does, so a new seed is no new first boot."""
    meta = {"instance-id": str(uuid.uuid5(NAMESPACE, name))} | (options.get("meta_data") or {})
    found = {"user-data": "#cloud-config\n" + text(options.get("user_data") or {}), "meta-data": text(meta)}
    if options.get("network_config") is not None:
        found["network-config"] = text(options["network_config"])
    return {name: content.encode() for name, content in found.items()}


def digest(content: dict[str, bytes]) -> str:
    """The SHA-256 that stands for a seed: that of its files, as versions of pycdlib differ in the rest."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    return hashlib.sha256(json.dumps([LAYOUT, digests], sort_keys=True).encode()).hexdigest()


def image(content: dict[str, bytes]) -> bytes:
    """The file system `cidata`: ISO 9660 with Joliet and Rock Ridge names, marked with its digest."""
    library = pycdlib()
    with _building:
        disc = library.PyCdlib()
        mark = digest(content).upper()
        disc.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata", app_ident_str=mark)
        for number, (name, data) in enumerate(sorted(content.items())):
            path = f"/FILE{number}.;1"
            disc.add_fp(io.BytesIO(data), len(data), path, rr_name=name, joliet_path=f"/{name}", file_mode=0o100444)
        output = io.BytesIO()
        disc.write_fp(output)
        disc.close()
    return output.getvalue()


def digest_in(data: bytes) -> str:
    """The digest with which a file system is marked, given its bytes from MARK_AT; empty for one that is not ours."""
    mark = data[:MARK_LENGTH].decode("latin-1").lower()
    return mark if re.fullmatch(r"[0-9a-f]{64}", mark) else ""
