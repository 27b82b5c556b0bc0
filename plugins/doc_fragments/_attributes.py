# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module can do, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """Use as C(cairn.hci._attributes) or, in a module that only reads, C(cairn.hci._attributes.info)."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: The plan is made and reported, nothing is changed.
    support: full
  diff_mode:
    description: Returns the fields that differ, before and after.
    support: full
  idempotent:
    description: When run twice with the same options, the second run changes nothing.
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Only reads.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: N/A
  idempotent:
    description: Only reads.
    support: full
"""
