#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module config_file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: config_file
short_description: Write a set of small text files in one call
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Writes any number of configuration files, each atomically, with one task.
  - Use M(ansible.builtin.copy) for a single or a large file; this module exists because a loop of copies costs two
    executions per file.
  - A file is compared by its content, mode, owner and group. Missing directories are made with mode V(0755).
extends_documentation_fragment: cairn.hci._attributes
options:
  path: &path
    description: The absolute path of the file.
    type: path
  content: &content
    description: The text of the file.
    type: str
  secret: &secret
    description: The text of a file that must not be shown; the diff says only that it differs.
    type: str
  mode: &mode
    description: The permissions, in octal. The default is V(0644), with O(secret) V(0600).
    type: str
  owner: &owner
    description: The user that owns the file.
    type: str
    default: root
  group: &group
    description: The group of the file.
    type: str
    default: root
  state: &state
    description: Whether the file shall exist.
    type: str
    choices: [present, absent]
    default: present
  unit: &unit
    description:
      - The systemd unit that reads the file when it starts.
      - A file that is newer than the unit's last start or reload counts as changed, so that a handler which a killed
        run did not come to is notified again. The module itself does not restart the unit.
    type: str
  files:
    description: The files, each with the options above.
    type: list
    elements: dict
    suboptions:
      path:
        <<: *path
        required: true
      content: *content
      secret: *secret
      mode: *mode
      owner: *owner
      group: *group
      state: *state
      unit: *unit
seealso:
  - module: cairn.hci.config_file_info
"""

EXAMPLES = r"""
- name: Write the libvirt daemon's configuration and its key
  cairn.hci.config_file:
    files:
      - {path: /etc/libvirt/libvirtd.conf, content: "{{ libvirtd_conf }}"}
      - {path: /etc/pki/libvirt/private/serverkey.pem, secret: "{{ key }}"}
"""

RETURN = r"""
files:
  description: Each file with its path, mode, owner, group, C(sha256) and whether it was changed.
  returned: success
  type: list
  elements: dict
  sample:
    - {path: /etc/libvirt/libvirtd.conf, mode: "0644", owner: root, group: root, state: present, changed: true}
"""

from ansible_collections.cairn.hci.plugins.module_utils._config_file import ConfigFile
from ansible_collections.cairn.hci.plugins.module_utils._resource import run

OPTIONS = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "secret": {"type": "str", "no_log": True},
    "mode": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "unit": {"type": "str"},
}


def main() -> None:
    """Entry point."""
    run(ConfigFile, OPTIONS)


if __name__ == "__main__":
    main()
