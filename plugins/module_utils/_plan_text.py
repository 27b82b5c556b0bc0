# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as an administrator reads it. Pure.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._status import human, table

# More VMs than these are shown only where something happens to them.
MANY = 30


def disks(node: Object) -> str:
    """The OSD devices of a node, and which of them are new."""
    words = {"keep": "", "enrol": " new", "erase": " ERASED", "finish": " to finish"}
    shown = [
        f"{osd['path'].rpartition('/')[2]} {human(osd['size'])}{'' if osd['osds'] == 1 else ' x' + str(osd['osds'])}"
        f"{words[osd['plan']]}"
        for osd in node["osds"]
    ]
    where = f" in {node['storage_vm']}" if node["storage_vm"] and shown else ""
    return f"{', '.join(shown) or '-'}{where}"


def fate(vm: Object) -> str:
    """What becomes of a VM, as far as it is known before the cluster is asked."""
    there = vm["defined_on"]
    if vm["state"] == "absent":
        return "removed" if there else "absent"
    if not there:
        return "new"
    if vm["node"] not in there and not vm["ha"]:
        return f"moves from {', '.join(there)}"
    return f"changes {', '.join(vm['changes'])}" if vm["changes"] else "there"


def home(vm: Object) -> str:
    """The node of a VM; of one whose node the cluster chooses, that where it is now."""
    return vm["node"] or (", ".join(vm["defined_on"]) if vm["ha"] else "") or "-"


def lines(plan: Object) -> list[str]:
    """A table of the nodes and one of the VMs."""
    monitors = {monitor["name"] for monitor in plan["monitors"]}
    ceph = plan["ceph"]
    state = "there" if ceph["exists"] else "new"
    found = [f"Ceph cluster {plan['fsid']} ({state}), storage network {plan['storage_cidr']}", ""]
    found += table(
        ("NODE", "ADDRESS", "STORAGE", "MONITOR", "GUESTS", "OSDS"),
        [
            (
                name,
                node["address"],
                node["storage_ip"],
                "-" if name not in monitors else "new" if name in ceph["new_monitors"] else "there",
                node["domain_type"],
                disks(node),
            )
            for name, node in plan["nodes"].items()
        ],
    )
    rows = [
        (name, home(vm), fate(vm), vm["vcpus"], vm["memory"], vm["address"] or "-")
        for name, vm in plan["vms"].items()
        if len(plan["vms"]) <= MANY or fate(vm) not in ("there", "absent")
    ]
    if rows:
        found += table(("VM", "NODE", "STATE", "VCPUS", "MEMORY", "ADDRESS"), rows)
    hidden = len(plan["vms"]) - len(rows)
    return [*found, f"{hidden} further VMs stay where they are."] if hidden else found[:-1]
