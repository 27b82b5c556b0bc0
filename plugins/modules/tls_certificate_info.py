#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module tls_certificate_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_certificate_info
short_description: Tell the certificates that the cluster's authority has issued
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Returns names, addresses, expiry and text of the certificates, never their keys.
extends_documentation_fragment:
  - cairn.hci._attributes.info
  - cairn.hci._ceph
options:
  name:
    description: The hosts; all when it is not given.
    type: list
    elements: str
  prefix:
    description: Under which key of the config-key store the certificates are kept.
    type: str
    default: cairn/tls
seealso:
  - module: cairn.hci.tls_certificate
"""

EXAMPLES = r"""
- name: When do the certificates expire?
  cairn.hci.tls_certificate_info:
"""

RETURN = r"""
certificates:
  description: The certificates, sorted by name.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: node1, dns: [node1], addresses: [10.10.0.1, 192.0.2.11], expires: "2036-11-18T10:00:00"}
"""

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CONNECTION
from ansible_collections.cairn.hci.plugins.module_utils._resource import run_info
from ansible_collections.cairn.hci.plugins.module_utils._tls import TlsCertificate


def main() -> None:
    """Entry point."""
    run_info(TlsCertificate, {**CONNECTION, "prefix": {"type": "str", "default": "cairn/tls"}})


if __name__ == "__main__":
    main()
