#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module ceph_config_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_config_info
short_description: Tell the options in a Ceph cluster's configuration database
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns the options that are set, by section.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  name:
    description: The sections to tell of, with their mask; all by default.
    type: list
    elements: str
seealso:
  - module: cairn.hci.ceph_config
"""

EXAMPLES = r"""
- name: All that differs from the defaults
  cairn.hci.ceph_config_info:
"""

RETURN = r"""
sections:
  description: Each section with the options that are set in it, as the cluster writes them.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: osd, options: {osd_memory_target: "4294967296"}}
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._ceph_config import CephConfig
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(CephConfig, CONNECTION)


if __name__ == "__main__":
    main()
