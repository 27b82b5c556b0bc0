#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module config_file_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: config_file_info
short_description: Tell mode, owner and digest of text files
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Tells what the files are, without their text, which may be secret.
extends_documentation_fragment: cairn.hci._attributes.info
options:
  path:
    description: The absolute paths of the files.
    type: list
    elements: str
    required: true
seealso:
  - module: cairn.hci.config_file
"""

EXAMPLES = r"""
- name: Is the server's key private?
  cairn.hci.config_file_info:
    path: /etc/pki/cairn/serverkey.pem
"""

RETURN = r"""
files:
  description: The files that exist.
  returned: success
  type: list
  elements: dict
  sample:
    - {path: /etc/pki/cairn/serverkey.pem, mode: "0600", owner: root, group: root, sha256: 6e34...}
"""

from ansible_collections.cairn.hci.plugins.module_utils._config_file import ConfigFile
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info


def main() -> None:
    """Entry point."""
    run_info(ConfigFile, required=True)


if __name__ == "__main__":
    main()
