# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to libvirt, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    """Use as C(cairn.hci._libvirt), with C(module_utils._libvirt.CONNECTION) in the argument spec."""

    DOCUMENTATION = r"""
options:
  uri:
    description: The libvirt daemon, see U(https://libvirt.org/uri.html).
    type: str
    default: qemu:///system
requirements:
  - python3-libvirt (on the node)
notes:
  - In check mode, a node without libvirt counts as a node without objects.
"""
