#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module tls_certificate."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_certificate
short_description: Issue certificates for the nodes from the cluster's own authority
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Keeps a certificate authority and a key and certificate for each host in Ceph's config-key store, which the monitors
    replicate. The authority is made with the first certificate.
  - A certificate serves for servers and for clients, is valid for ten years and is renewed for the same key within its
    last 90 days, or when its names change.
  - Runs on a node with an administrator's keyring, once for all hosts.
extends_documentation_fragment:
  - cairn.hci._attributes
  - cairn.hci._ceph
requirements:
  - python3-cryptography
options:
  name: &name
    description: The host's name; the subject of the certificate.
    type: str
  dns: &dns
    description: The names that the certificate is valid for.
    type: list
    elements: str
    default: []
  addresses: &addresses
    description: The IP addresses that the certificate is valid for.
    type: list
    elements: str
    default: []
  state: &state
    description: Whether the host shall have a certificate.
    type: str
    choices: [present, absent]
    default: present
  certificates:
    description: The certificates, each with the options above.
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      dns: *dns
      addresses: *addresses
      state: *state
  prefix:
    description: Under which key of the config-key store the authority (C(PREFIX/ca)) and the certificates are kept.
    type: str
    default: cairn/tls
  with_key:
    description: Return the private keys too. Use C(no_log) on the task then.
    type: bool
    default: false
seealso:
  - module: cairn.hci.tls_certificate_info
"""

EXAMPLES = r"""
- name: Issue the nodes' certificates
  cairn.hci.tls_certificate:
    with_key: true
    certificates:
      - {name: node1, dns: [node1], addresses: [192.0.2.11, 10.10.0.1]}
      - {name: node2, dns: [node2], addresses: [192.0.2.12, 10.10.0.2]}
  no_log: true
  register: tls
  run_once: true
"""

RETURN = r"""
certificates:
  description: Each certificate, with the authority's; the private key only with O(with_key).
  returned: success
  type: list
  elements: dict
  sample:
    - name: node1
      dns: [node1]
      addresses: [10.10.0.1, 192.0.2.11]
      expires: "2036-11-18T10:00:00"
      certificate: "-----BEGIN CERTIFICATE-----..."
      authority: "-----BEGIN CERTIFICATE-----..."
      state: present
      changed: false
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._resource import run
from ansible_collections.cairn.hci.plugins.module_utils._tls import TlsCertificate

OPTIONS = {
    "name": {"type": "str", "required": True},
    "dns": {"type": "list", "elements": "str", "default": []},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
COMMON = {
    "prefix": {"type": "str", "default": "cairn/tls"},
    "with_key": {"type": "bool", "default": False},
}


def main() -> None:
    """Entry point."""
    run(TlsCertificate, OPTIONS, {**CONNECTION, **COMMON})


if __name__ == "__main__":
    main()
