# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From objects by name, as an inventory has them, to the list that a module takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def named(
    objects: Mapping[str, Mapping[str, Any] | None], defaults: Mapping[str, Any] | None = None, key: str = "name"
) -> list[dict[str, Any]]:
    """Each object with its name, under `key`, and the defaults."""
    return [{**(defaults or {}), **(options or {}), key: name} for name, options in objects.items()]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"named": named}
