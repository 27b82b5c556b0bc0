# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of an RBD image, in the units and spelling of what is read. Pure: no I/O.

Private to the collection.
"""

from __future__ import annotations

import re

from ansible_collections.cairn.hci.plugins.module_utils._rbd import ORIGIN, UNFINISHED, path_of
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size

NEEDS = {"object-map": "exclusive-lock", "fast-diff": "object-map", "journaling": "exclusive-lock"}
DIGITS = {"sha256": 64, "sha512": 128}


def split_snapshot(text: str, pool: str) -> tuple[str, str, str]:
    """Return pool, image and snapshot of `image@snap` (in `pool`) or `pool/image@snap`."""
    match = re.fullmatch(r"(?:([^/@]+)/)?([^/@]+)@([^/@]+)", text)
    if match is None:
        raise ResourceError(f"clone_of: {text!r} is not a snapshot; write image@snapshot or pool/image@snapshot.")
    return match[1] or pool, match[2], match[3]


def normalise(wanted: Object) -> Object:
    """Return the options in the units and spelling of what is read. Raise ResourceError for what can't be right."""
    where = f"Image {path_of(wanted)}"
    if not wanted["name"] or re.search(r"[/@]", wanted["name"]) or wanted["name"].endswith(UNFINISHED):
        raise ResourceError(f"{where}: a name must not be empty, contain / or @, or end with {UNFINISHED}.")
    if wanted.get("source") and wanted.get("clone_of"):
        raise ResourceError(f"{where}: source and clone_of exclude each other.")
    source, checksum = wanted.get("source"), wanted.get("checksum")
    if source:
        check_source(where, source, checksum)
    size, parent, protected = wanted.get("size"), wanted.get("clone_of"), wanted.get("protected")
    metadata = {
        str(key): value if value is None else str(value) for key, value in (wanted.get("metadata") or {}).items()
    }
    if parent:
        parent = "{}/{}@{}".format(*split_snapshot(parent, wanted["pool"]))
        metadata[ORIGIN] = parent
    return wanted | {
        "size": None if size is None else parse_size(size, f"{where}: size"),
        "parent": parent,
        "checksum": checksum.lower() if checksum else None,
        "features": check_features(where, wanted.get("features")),
        "metadata": metadata,
        "snapshots": sorted({*(wanted.get("snapshots") or []), *(protected or [])}),
        "snapshots_absent": sorted(wanted.get("snapshots_absent") or []),
        "protected": None if protected is None else sorted(protected),
    }


def is_url(source: str) -> bool:
    """Whether `source` is fetched from a server, not read from the node."""
    return source.startswith(("http://", "https://"))


def check_source(where: str, source: str, checksum: str | None) -> None:
    """Raise ResourceError where a source or its checksum is not written as it must be."""
    if not is_url(source) and not source.startswith("/"):
        raise ResourceError(f"{where}: source {source!r} is neither an absolute path on the node nor an http(s) URL.")
    if is_url(source) and not checksum:
        raise ResourceError(f"{where}: a URL needs a checksum, such as sha256:... from the page that offers the image.")
    algorithm, _colon, digits = (checksum or "").lower().partition(":")
    if checksum and not re.fullmatch(f"[0-9a-f]{{{DIGITS.get(algorithm, 0)}}}", digits or "?"):
        raise ResourceError(
            f"{where}: {checksum!r} is no checksum; write sha256: and 64, or sha512: and 128 hex digits."
        )


def check_features(where: str, features: list[str] | None) -> list[str] | None:
    """Return `features` sorted. Raise ResourceError where one lacks another that it needs."""
    for name in features or []:
        if NEEDS.get(name, name) not in (features or []):
            raise ResourceError(f"{where}: the feature {name} needs {NEEDS[name]}.")
    return None if features is None else sorted(features)
