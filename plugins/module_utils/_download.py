# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching a large file over HTTP.

Private to the collection.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from http.client import HTTPException
from urllib.error import HTTPError

from ansible.module_utils.urls import open_url
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size

BLOCK = 1024 * 1024
# Seconds without one byte, after which a server counts as dead.
STALL = 30


class Download:
    """What a URL answers."""

    def __init__(self, url: str, remaining: Callable[[], float]) -> None:
        """Fetch `url`; `remaining` raises ResourceError when there is no time left."""
        self.url = url
        self.remaining = remaining

    def fetch(self, directory: str) -> int:
        """Fetch the URL into a file without a name."""
        target, path = tempfile.mkstemp(dir=directory)
        os.unlink(path)
        try:
            self.transfer(target, directory)
        except HTTPError as error:
            raise ResourceError(f"{self.url}: the server answers {error.code} {error.reason}.") from error
        except (OSError, HTTPException, ValueError) as error:
            raise ResourceError(f"{self.url} can't be fetched: {error}") from error
        return target

    def transfer(self, target: int, directory: str) -> None:
        """Copy what the server sends to `target`. Raise ResourceError where it is too much or too little."""
        with open_url(self.url, timeout=STALL, http_agent="cairn.hci") as answer:
            length = int(answer.headers.get("Content-Length") or 0)
            free = shutil.disk_usage(directory).free
            if length > free:
                raise ResourceError(
                    f"{self.url} has {format_size(length)}, and {directory} on this node has only {format_size(free)} "
                    "free: choose another tmp_dir."
                )
            while block := answer.read(BLOCK):
                os.write(target, block)
                self.remaining()
        received = os.fstat(target).st_size
        if length and received != length:
            raise ResourceError(f"{self.url} broke off after {received} of {length} bytes; run again.")
