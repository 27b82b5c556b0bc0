# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn facts of the cluster into text."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._ha_status import ha_problems
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._status import ceph_problems, status, vm_problems


def login(host: Object, name: str) -> str:
    """The command that logs in to a host of the inventory."""
    key = host.get("ansible_ssh_private_key_file") or host.get("ansible_private_key_file")
    user = host.get("ansible_user")
    address = host.get("ansible_host", name)
    return " ".join(["ssh", *(["-i", os.path.relpath(key)] if key else []), f"{user}@{address}" if user else address])


def status_table(hostvars: Mapping[str, Object], groups: Mapping[str, list[str]]) -> str:
    """The cluster as tables, from the facts that playbooks/status.yml gathered."""
    nodes = {name: hostvars[name].get("cairn_node") for name in groups.get("nodes", [])}
    answers = [hostvars[name].get("cairn_ceph") for name in nodes]
    vms = {name: login(hostvars[name], name) for name in groups.get("vms", [])}
    told = [hostvars[name].get("cairn_ha", {}).get("ha") for name in nodes]
    # Those who have lost the others don't know how the cluster is.
    ha = next((one for one in told if one and one["quorum"]), None) or next((one for one in told if one), None)
    return "\n".join(status(nodes, next((a for a in answers if a), None), vms, ha))


def cluster_problems(
    plan: Object, ceph: Object, domains: Mapping[str, list[Object]], ha: Object | None = None
) -> list[str]:
    """Sentences about what is not as the plan says."""
    addresses = {name: node["storage_ip"] for name, node in plan["nodes"].items()}
    problems = ceph_problems(ceph, addresses) + vm_problems(plan["vms"], domains)
    return problems + list(ha_problems(plan["ha"], ha, plan["vms"])) if plan["ha"] and ha else problems


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"status_table": status_table, "cluster_problems": cluster_problems}
