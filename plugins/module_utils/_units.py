# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes as people write them.

Private to the collection.
"""

from __future__ import annotations

import re
from fractions import Fraction

from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

UNITS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([KMGTP])(?:i?B)?|(B))\s*", re.IGNORECASE)


def parse_size(text: object, what: str = "size") -> int:
    """Return the bytes that `text` means, such as `20GiB`, `512M` or `1.5T`.

    All units are powers of 1024, as in QEMU and RBD. `what` names the value in the error.
    """
    match = _SIZE.fullmatch(str(text))
    if match is None or Fraction(match[1]) == 0:
        raise ResourceError(
            f"{what}: {text!r} is not a size; write a positive number with a unit, such as 20GiB or 512MiB."
        )
    return int(Fraction(match[1]) * 1024 ** UNITS[(match[2] or match[3]).upper()])


def format_size(size: int) -> str:
    """Return `size` bytes with the largest unit that divides it, such as `20GiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        factor = 1024 ** UNITS[unit[0]]
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"
