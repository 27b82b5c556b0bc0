# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What LVM has written on a disk: the volume group, its logical volumes and their tags.

It is read from the disk itself, because preflight asks nodes on which lvm2 is not installed yet. The label is in one of
the first four sectors and leads to the metadata area, which holds the group's configuration as text (lvm(8), and the
headers of lib/format_text/layout.h). Pure but for :func:`read`.

Private to the collection.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

SECTOR = 512
MAGIC = b" LVM2 x[5A%r0N*>"
TOKEN = re.compile(r'#[^\n]*|"((?:\\.|[^"\\])*)"|([\[\]{}=,])|([^\s\[\]{}=,"#]+)')
# What is used of Ceph's tags. Another one is a secret, with which a node fetches the key of an encrypted OSD.
TAGS = ("ceph.type", "ceph.osd_id", "ceph.osd_fsid", "ceph.cluster_fsid", "ceph.encrypted", "ceph.db_uuid")
Reader = Callable[[int, int], bytes]


def tokens(text: str) -> list[tuple[str, str]]:
    """The words of a configuration: its strings, marks and bare words."""
    found = []
    for match in TOKEN.finditer(text):
        if match[1] is not None:
            found.append(("string", re.sub(r"\\(.)", r"\1", match[1])))
        elif match[2]:
            found.append(("mark", match[2]))
        elif match[3]:
            found.append(("word", match[3]))
    return found


def parse_text(text: str) -> Object:
    """A configuration as nested dictionaries. Raise ValueError for what is none."""
    words = tokens(text)
    try:
        section, end = _section(words, 0)
    except IndexError as error:
        raise ValueError("the text ends too early") from error
    if end != len(words):
        raise ValueError("a brace too many")
    return section


def _section(words: list[tuple[str, str]], at: int) -> tuple[Object, int]:
    """The names from `at` to the closing brace or the end, and where that is."""
    found: Object = {}
    while at < len(words) and words[at] != ("mark", "}"):
        name, mark = words[at][1], words[at + 1][1]
        if mark == "{":
            found[name], at = _section(words, at + 2)
            at += 1
        elif mark == "=":
            found[name], at = _value(words, at + 2)
        else:
            raise ValueError(f"{name!r} is followed by {mark!r}")
    return found, at


def _value(words: list[tuple[str, str]], at: int) -> tuple[Any, int]:
    """A string, a number or a list of them, and the place behind it."""
    kind, text = words[at]
    if (kind, text) != ("mark", "["):
        return (text if kind == "string" else _number(text)), at + 1
    found = []
    at += 1
    while words[at] != ("mark", "]"):
        if words[at] != ("mark", ","):
            found.append(_value(words, at)[0])
        at += 1
    return found, at + 1


def _number(text: str) -> Any:
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def _areas(data: bytes, offset: int) -> tuple[list[tuple[int, int]], int]:
    """A list of areas, each offset and size, up to the empty one; and the place behind that."""
    found = []
    while (area := struct.unpack_from("<QQ", data, offset)) != (0, 0):
        found.append(area)
        offset += 16
    return found, offset + 16


def header(head: bytes) -> tuple[str, list[tuple[int, int]]] | None:
    """The uuid of a physical volume and its metadata areas, from the first 2 KiB of a device; None where it is none."""
    for start in range(0, 4 * SECTOR, SECTOR):
        if head[start : start + 8] == b"LABELONE" and head[start + 24 : start + 32] == b"LVM2 001":
            place = start + struct.unpack_from("<I", head, start + 20)[0]
            _data, behind = _areas(head, place + 40)
            return head[place : place + 32].decode("ascii", "replace"), _areas(head, behind)[0]
    return None


def text_of(area: tuple[int, int], reader: Reader) -> str | None:
    """The text in a metadata area, which is written round and round behind its header; None where it has none."""
    offset, size = area
    head = reader(offset, SECTOR)
    if head[4:20] != MAGIC:
        return None
    start, length = struct.unpack_from("<QQ", head, 40)
    if not start or not length or start >= size:
        return None
    first = min(length, size - start)
    data = reader(offset + start, first)
    if first < length:
        data += reader(offset + SECTOR, length - first)
    return data.decode("utf-8", "replace").rstrip("\0\n")


def volumes(group: str, section: Object, pv: str) -> list[Object]:
    """The logical volumes that have a part on a physical volume; sizes in bytes."""
    extent = section["extent_size"] * SECTOR
    found = []
    for name, volume in section.get("logical_volumes", {}).items():
        segments = [part for part in volume.values() if isinstance(part, dict) and "start_extent" in part]
        if any(pv in (part.get("stripes") or []) for part in segments):
            tags = dict(tag.partition("=")[::2] for tag in volume.get("tags", []))
            size = extent * sum(part["extent_count"] for part in segments)
            found.append(
                {
                    "group": group,
                    "name": name,
                    "uuid": volume["id"],
                    "dm_uuid": f"LVM-{section['id']}{volume['id']}".replace("-", "").replace("LVM", "LVM-", 1),
                    "size": size,
                    "tags": {key: tags[key] for key in TAGS if key in tags},
                }
            )
    return found


def parse(reader: Reader) -> Object | None:
    """What a device is to LVM; None where it is no physical volume.

    `group` is None for one that is in no volume group, `devices` how many that has. `free` is what is left of this
    device in bytes, `extent` the unit of all sizes.
    """
    found = header(reader(0, 4 * SECTOR))
    if found is None:
        return None
    uuid, areas = found
    text = next((text for area in areas if (text := text_of(area, reader))), None)
    if text is None:
        return {"group": None, "devices": 1, "size": 0, "free": 0, "extent": 0, "volumes": []}
    parsed = parse_text(text)
    group, section = next((name, part) for name, part in parsed.items() if isinstance(part, dict))
    own = {name: pv for name, pv in section["physical_volumes"].items() if pv["id"].replace("-", "") == uuid}
    pv = next(iter(own), "")
    extent, count = section["extent_size"] * SECTOR, own[pv]["pe_count"] if own else 0
    there = volumes(group, section, pv)
    return {
        "group": group,
        "devices": len(section["physical_volumes"]),
        "size": count * extent,
        "free": max(0, count * extent - sum(volume["size"] for volume in there)),
        "extent": extent,
        "volumes": there,
    }


def read(path: str) -> Object | None:
    """What a device is to LVM; None where it is no physical volume, or can't be read."""
    try:
        with open(path, "rb", buffering=0) as file:

            def reader(offset: int, length: int) -> bytes:
                file.seek(offset)
                data = b""
                while len(data) < length and (part := file.read(length - len(data))):
                    data += part
                return data.ljust(length, b"\0")

            return parse(reader)
    except (OSError, ValueError, KeyError, StopIteration, struct.error):
        return None
