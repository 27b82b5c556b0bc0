# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to a Ceph cluster, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    """Use as C(cairn.hci._ceph), with C(module_utils._ceph.CONNECTION) in the argument spec."""

    DOCUMENTATION = r"""
options:
  conf:
    description: The cluster's configuration file on the node.
    type: path
    default: /etc/ceph/ceph.conf
  client:
    description: The name to connect as, with its type.
    type: str
    default: client.admin
  keyring:
    description:
      - The file with the key of O(client).
      - By default Ceph looks for C(/etc/ceph/ceph.NAME.keyring).
    type: path
  timeout:
    description: Seconds that connecting and each command may take before the module fails.
    type: int
    default: 30
requirements:
  - python3-rados (on the node)
notes:
  - Runs on a node that holds the key of O(client), such as a monitor's node for C(client.admin).
  - In check mode, a node without Ceph counts as a cluster without objects.
"""
