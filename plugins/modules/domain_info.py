#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module domain_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: domain_info
short_description: Read libvirt domains
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns all domains of a node, or some, in the spelling of the options of M(cairn.hci.domain).
extends_documentation_fragment: [cairn.hci._attributes.info, cairn.hci._libvirt]
options:
  name:
    description: The domains to return, by default all. One that does not exist is not returned.
    type: list
    elements: str
  xml:
    description:
      - Whether to return each domain's XML too, and which. It has no secrets.
      - V(live) is that of the running domain; of a stopped one it is the same as V(inactive).
    type: str
    choices: [none, inactive, live]
    default: none
seealso:
  - module: cairn.hci.domain
"""

EXAMPLES = r"""
- name: All domains of the node
  cairn.hci.domain_info:
  register: all_domains

- name: What waits for a restart
  ansible.builtin.debug:
    msg: "{{ all_domains.domains | selectattr('restart_required', 'defined') | map(attribute='name') }}"
"""

RETURN = r"""
domains:
  description: The domains, as M(cairn.hci.domain) returns them.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The domain's name; all other options that describe it follow in the same way.
      type: str
      returned: always
      sample: web1
    power:
      description: V(running), V(stopped), V(paused), V(crashed) or V(suspended).
      type: str
      returned: always
    restart_required:
      description: That the running domain still differs from its configuration.
      type: bool
      returned: when it does
    restart_fields:
      description: In which fields.
      type: list
      elements: str
      returned: when it does
      sample: [cpu_model, disks.data.cache]
    xml:
      description: The XML.
      type: str
      returned: with O(xml)
"""

from ansible_collections.cairn.hci.plugins.module_utils._domains import Domains
from ansible_collections.cairn.hci.plugins.module_utils._libvirt import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info

COMMON = {**CONNECTION, "xml": {"type": "str", "choices": ["none", "inactive", "live"], "default": "none"}}


def main() -> None:
    """Entry point."""
    run_info(Domains, COMMON)


if __name__ == "__main__":
    main()
