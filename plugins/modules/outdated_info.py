#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module outdated_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: outdated_info
short_description: Tell what of a server runs on files that an update has replaced
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Tells whether a server has to be rebooted after an update, or which services have to be restarted.
  - A reboot is wanted by a newer kernel, and by a library or program of the init process or the message bus.
extends_documentation_fragment: cairn.hci._attributes.info
options: {}
seealso:
  - module: cairn.hci.node_info
"""

EXAMPLES = r"""
- name: Does the update want a reboot?
  cairn.hci.outdated_info:
  register: update
"""

RETURN = r"""
outdated:
  description: The reasons for a C(reboot), in words, and the C(services) for which a restart is enough.
  returned: success
  type: dict
  sample:
    reboot: [kernel 6.12.57+deb13-amd64 is installed and 6.12.48+deb13-amd64 runs]
    services: [ceph-osd@0.service, libvirtd.service]
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cairn.hci.plugins.module_utils._outdated import outdated


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, outdated=outdated(os.uname().release))


if __name__ == "__main__":
    main()
