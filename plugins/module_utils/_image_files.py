# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk images in files of this node, as a resource.

Private to the collection.
"""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils._rbd_options import check_source
from ansible_collections.cairn.hci.plugins.module_utils._rbd_source import Source
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, Resource, ResourceError, create
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size, parse_size

# An image that is not whole yet. A killed run leaves it, and the next one makes it anew.
UNFINISHED = ".unfinished"
IN_USE = "lock"
# What an image is made of; it is no part of what it is afterwards.
ORIGIN = ("source", "checksum", "format")


def qemu_img(*arguments: str) -> str:
    """Run qemu-img. Raise ResourceError with what it says where it fails."""
    try:
        done = subprocess.run(["qemu-img", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ResourceError("qemu-img is not installed; Debian's package is qemu-utils.") from error
    if done.returncode:
        raise ResourceError(done.stderr.strip() or f"qemu-img {arguments[0]} failed.")
    return done.stdout


def to_dict(path: str) -> Object | None:
    """What an image is; None where there is none. `in_use`: a guest that runs has it open."""
    if not os.path.exists(path):
        return None
    in_use = False
    try:
        report = qemu_img("info", "--output=json", path)
    except ResourceError as error:
        if IN_USE not in str(error):
            raise ResourceError(f"{path} is no disk image: {error}") from error
        in_use, report = True, qemu_img("info", "--output=json", "--force-share", path)
    found = json.loads(report)
    return {"path": path, "size": format_size(found["virtual-size"]), "kind": found["format"], "in_use": in_use}


class ImageFiles(Resource):
    """Images, each a qcow2 file."""

    plural = "images"
    key = "path"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the images that there are."""
        found = {item["path"]: to_dict(item["path"]) for item in wanted or []}
        return {path: image for path, image in found.items() if image}

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """The size in the spelling of :func:`to_dict`. Raise ResourceError for a source that can't be right."""
        if wanted.get("source"):
            check_source(wanted["path"], wanted["source"], wanted.get("checksum"))
        size = wanted.get("size") and format_size(parse_size(wanted["size"], f"{wanted['path']}: size"))
        return wanted | {"size": size}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Make, grow or remove. Raise ResourceError for what would lose data, or disturb a guest that runs."""
        path, size = wanted["path"], wanted.get("size")
        if current is not None and current["in_use"]:
            if wanted["state"] == "absent":
                raise ResourceError(f"{path}: a guest that runs has it open; shut that down first.")
            if size and parse_size(size) > parse_size(current["size"]):
                raise ResourceError(
                    f"{path}: a guest that runs has it open; grow it with the option size of that guest's disk."
                )
        if wanted["state"] == "absent":
            return super().plan(current, wanted)
        if current is None:
            if not size and not wanted.get("source"):
                raise ResourceError(f"{path}: there is no such image; give a source, or a size for an empty one.")
            return create({name: wanted[name] for name in ("path", "size", *ORIGIN) if wanted.get(name)})
        if size and parse_size(size) < parse_size(current["size"]):
            raise ResourceError(
                f"{path} has {current['size']} and is not shrunk to {size}, which would cut off data; give at least "
                f"{current['size']}."
            )
        return [Change("size", current["size"], size, "grow")] if size and size != current["size"] else []

    def predict(self, current: Object | None, wanted: Object, changes: list[Change]) -> Object | None:
        """What it will be; a new one has its source's size where none is given."""
        found = super().predict(current, wanted, changes)
        if current is None and found is not None:
            return {"path": wanted["path"], "size": wanted.get("size"), "kind": "qcow2", "in_use": False}
        return found

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Carry out the plan of one image."""
        path = wanted["path"]
        if wanted["state"] == "absent":
            Path(path).unlink(missing_ok=True)
        elif current is None:
            self.make(path, wanted)
        else:
            qemu_img("resize", "-q", "-f", current["kind"], path, str(parse_size(wanted["size"])))

    def make(self, path: str, wanted: Object) -> None:
        """Make an image under another name, readable by root only, and give it its own when it is whole."""
        unfinished = f"{path}{UNFINISHED}"
        try:
            Path(path).parent.mkdir(mode=0o711, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                os.unlink(unfinished)
            os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            self.fill(unfinished, wanted)
            with open(unfinished, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        except OSError as error:
            raise ResourceError(f"{path}: {error.strerror}.") from error

    def fill(self, target: str, wanted: Object) -> None:
        """Write the content of a new image. Raise ResourceError where the source is larger than it shall be."""
        size = wanted.get("size") and parse_size(wanted["size"])
        if not wanted.get("source"):
            qemu_img("create", "-q", "-f", "qcow2", target, str(size))
            return
        source = Source(wanted, self.params["tmp_dir"], self.params["import_timeout"])
        try:
            if size and size < source.size:
                raise ResourceError(
                    f"{wanted['path']}: size {wanted['size']} is less than the {format_size(source.size)} of "
                    f"{wanted['source']}; give at least that."
                )
            source.qemu_img("convert", "-f", source.format, "-O", "qcow2", source.path, target, codes={0})
        finally:
            source.close()
        if size:
            qemu_img("resize", "-q", "-f", "qcow2", target, str(size))
