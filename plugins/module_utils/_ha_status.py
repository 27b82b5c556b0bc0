# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not as it shall be with the cluster that keeps VMs running. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

CLEAN = "see 'crm_mon -1'; 'crm_resource --cleanup' forgets it"


def ha_problems(ha: Object, found: Object, vms: Mapping[str, Object]) -> Iterator[str]:
    """Sentences about the cluster: `ha` is its plan, `found` what the module ha_info said."""
    if not found["quorum"]:
        yield "Pacemaker has no quorum; see 'corosync-quorumtool'."
    yield from node_problems(ha, found["nodes"])
    yield from fence_problems(ha, found["resources"])
    for name, failure in sorted(found["failures"].items()):
        yield f"{name} failed: {failure}; {CLEAN}."
    yield from resource_problems(found["resources"], vms)
    for lock in found["stale_locks"]:
        yield f"The disk {lock['image']} is locked by {lock['owner']}, where {lock['vm']} does not run; start it anew."


def node_problems(ha: Object, nodes: Mapping[str, Object]) -> Iterator[str]:
    """Nodes that are not there, or not for VMs."""
    for member in ha["members"]:
        state = nodes.get(member["name"], {})
        if state.get("unclean"):
            yield f"{member['name']} is lost and could not be fenced; see 'crm_mon -1' and the page about fencing."
        elif not state.get("online"):
            yield f"{member['name']} is not in the cluster; see 'systemctl status pacemaker' there."


def fence_problems(ha: Object, resources: Mapping[str, Object]) -> Iterator[str]:
    """Fence devices that can't be used. The watchdog's device is Pacemaker's own, and nothing that it runs."""
    for device in ha["devices"]:
        if device["agent"] != "fence_watchdog" and resources.get(device["id"], {}).get("role") != "Started":
            yield f"The fence device {device['id']} does not work; see 'crm_mon -1'."


def resource_problems(resources: Mapping[str, Object], vms: Mapping[str, Object]) -> Iterator[str]:
    """VMs that Pacemaker does not run where and as it shall."""
    for name, vm in sorted(vms.items()):
        if not vm["ha"] or vm["state"] == "absent":
            continue
        now = resources.get(f"vm-{name}")
        if now is None:
            yield f"{name} is no resource of Pacemaker; run site.yml."
        elif vm["power"] != "stopped" and now["role"] != "Started":
            yield f"{name} is {now['role']} for Pacemaker; it shall be Started."
        elif outside := sorted(set(now["nodes"]) - set(vm["nodes"])):
            yield f"{name} is on {', '.join(outside)}, where it may not run."
