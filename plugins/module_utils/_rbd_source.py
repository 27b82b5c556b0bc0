# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file from which an image is made: fetched, verified, examined.

Private to the collection.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING

from ansible_collections.cairn.hci.plugins.module_utils._image_file import HEAD, inspect
from ansible_collections.cairn.hci.plugins.module_utils._rbd_options import is_url
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

# Ansible's packer sees this import and ships the file. It is loaded only where something is fetched: what it needs of
# HTTP takes longer to load than all else.
if TYPE_CHECKING:
    from ansible_collections.cairn.hci.plugins.module_utils._download import Download


class Source:
    """An image's file, open; :meth:`close` gives back the space of a download.

    A download has no name, so that nothing is left behind even by a killed process.
    """

    def __init__(self, wanted: Object, directory: str, seconds: int) -> None:
        """Open `wanted["source"]`, fetched to `directory` if it is a URL, and verify it; `seconds` limits all work."""
        self.name: str = wanted["source"]
        self.checksum: str | None = wanted["checksum"]
        self.deadline = time.monotonic() + seconds
        self.handle = self.download(directory) if is_url(self.name) else self.local()
        try:
            self.length = os.fstat(self.handle).st_size
            head = os.pread(self.handle, HEAD, 0)
            self.verify(head)
            self.format, self.size = self.examine(head, wanted.get("format") or "auto")
        except ResourceError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self.handle)

    @property
    def path(self) -> str:
        """A path to the open file, for another process of the same user."""
        return f"/proc/{os.getpid()}/fd/{self.handle}"

    def remaining(self) -> float:
        """Seconds that are left. Raise ResourceError when none are."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise ResourceError(f"{self.name}: not finished within import_timeout; give it more seconds.")
        return left

    def local(self) -> int:
        """Open a file of the node."""
        try:
            if not os.path.isfile(self.name):
                raise ResourceError(f"{self.name} is not a file on this node: copy the image here first.")
            return os.open(self.name, os.O_RDONLY)
        except OSError as error:
            raise ResourceError(f"{self.name} can't be read: {error.strerror}.") from error

    def download(self, directory: str) -> int:
        """Fetch the URL into a file without a name."""
        module = importlib.import_module(f"{__package__}._download")
        download: Download = module.Download(self.name, self.remaining)
        return download.fetch(directory)

    def verify(self, head: bytes) -> None:
        """Raise ResourceError where the content is not what the checksum says."""
        if not self.checksum:
            return
        algorithm, digits = self.checksum.split(":")
        with open(self.path, "rb") as file:
            actual = hashlib.file_digest(file, algorithm).hexdigest()
        if actual != digits:
            raise ResourceError(
                f"{self.name} has the checksum {algorithm}:{actual}, not {self.checksum}{self.remark(head)}."
            )

    def remark(self, head: bytes) -> str:
        """Say what the file is when that explains a wrong checksum."""
        try:
            inspect(head, self.length)
        except ResourceError as error:
            return f"; it {error}"
        return ""

    def examine(self, head: bytes, wanted: str) -> tuple[str, int]:
        """Return format and virtual size. Raise ResourceError for what is no whole image."""
        try:
            kind, size = inspect(head, self.length, wanted)
        except ResourceError as error:
            raise ResourceError(f"{self.name} {error}.") from error
        if kind == "qcow2":
            report = json.loads(self.qemu_img("check", "--output=json", "-f", "qcow2", self.path, codes={0, 2, 3}))
            if report.get("corruptions") or report.get("check-errors"):
                raise ResourceError(f"{self.name} is a damaged or truncated qcow2 image (qemu-img check).")
        return kind, size

    def qemu_img(self, *arguments: str, codes: set[int]) -> str:
        """Run qemu-img. Raise ResourceError where its exit status is not one of `codes`."""
        try:
            done = subprocess.run(
                ["qemu-img", *arguments], capture_output=True, text=True, timeout=self.remaining(), check=False
            )
        except FileNotFoundError as error:
            raise ResourceError("A qcow2 image needs qemu-img; Debian's package is qemu-utils.") from error
        except subprocess.TimeoutExpired as error:
            raise ResourceError(f"{self.name}: not finished within import_timeout; give it more seconds.") from error
        if done.returncode not in codes:
            hint = " Debian's package is qemu-block-extra." if "protocol" in done.stderr else ""
            raise ResourceError(f"{self.name}: qemu-img {arguments[0]} failed: {done.stderr.strip()}{hint}")
        return done.stdout
