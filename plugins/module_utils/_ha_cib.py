# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's part of the CIB: properties, fencing, the nodes' room, and the template of all VMs. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement

from ansible_collections.cairn.hci.plugins.module_utils._cib import (
    PROPERTIES,
    TEMPLATE,
    Wanted,
    ident,
    operations,
    values,
)
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

# A running VM is not moved for a preferred node (PREFERENCE), nor because a lost node is back; it is moved, live, when
# two VMs that are to be apart have met, or two that are to be together have not.
STICKINESS = 10_000
# What any node counts that is there, see `there()`: more than a preference.
THERE = 10_000
# Seconds that the agent has beyond vm_shutdown_timeout, to end a guest that did not shut down.
STOP_MARGIN = 120
SHUTDOWN_TIMEOUT = 120
# After this long without another one, a failure is forgotten.
FAILURE_TIMEOUT = "10min"
DOMAIN = "cairn-domain"
# Seconds that one attempt of all devices of a level may take, apart from waiting for a watchdog.
FENCING_TIMEOUT = 60


def properties(ha: Object) -> dict[str, object]:
    """The cluster's properties (man 7 pacemaker-schedulerd, pacemaker-controld, pacemaker-based).

    A VM that fails twice within ten minutes on one node is tried elsewhere; see the template. have-watchdog is
    Pacemaker's own.
    """
    found: dict[str, object] = {
        "stonith-enabled": str(ha["fencing"]).lower(),
        "no-quorum-policy": "stop",
        "placement-strategy": "balanced",
        "migration-limit": ha["migrations"],
        "cluster-ipc-limit": ha["ipc_limit"],
        "start-failure-is-fatal": "false",
        # From a load of 80 % on, Pacemaker would start the VMs of a lost node one by one, just when nodes are busiest.
        "load-threshold": "1000%",
    }
    if ha["fencing"]:
        wait = 2 * (ha["watchdog_timeout"] or 0)
        found |= {"concurrent-fencing": "true", "stonith-timeout": f"{FENCING_TIMEOUT + wait}s"}
        # More than twice what a watchdog takes to fire would be waste, less would be two VMs at once (man 8 sbd).
        found |= {"stonith-watchdog-timeout": f"{wait}s"} if wait else {}
    return found


def template() -> Element:
    """What all VMs have in common. Its meta-attributes are not rsc_defaults, which resources of others have, too."""
    found = Element("template", {"id": TEMPLATE, "class": "ocf", "provider": "cairn", "type": "vm"})
    meta = {
        "allow-migrate": "true",
        "resource-stickiness": STICKINESS,
        "migration-threshold": 2,
        "failure-timeout": FAILURE_TIMEOUT,
    }
    found.append(values("meta_attributes", "meta", "template", meta))
    ops = operations(
        "template",
        {"name": "start", "timeout": "120s"},
        {"name": "stop", "timeout": f"{SHUTDOWN_TIMEOUT + STOP_MARGIN}s"},
        {"name": "monitor", "interval": "10s", "timeout": "60s", "on-fail": "restart"},
        {"name": "migrate_to", "timeout": "1800s"},
        {"name": "migrate_from", "timeout": "1800s"},
    )
    found.append(ops)
    return found


def fence_device(device: Object) -> Element:
    """A fence device as a resource."""
    found = Element("primitive", {"id": device["id"], "class": "stonith", "type": device["agent"]})
    found.append(values("instance_attributes", "params", device["id"], device["parameters"]))
    # One that works again is not reported for ever.
    meta = {"resource-stickiness": 1, "failure-timeout": FAILURE_TIMEOUT}
    found.append(values("meta_attributes", "meta", device["id"], meta))
    found.append(operations(device["id"], {"name": "monitor", "interval": "60s", "timeout": "60s"}))
    return found


def node(member: Object, ha: Object) -> Element:
    """A node's failure domain and room for VMs. The numbers of full members are those of Corosync."""
    name = member["name"]
    kind = {"id": name, "type": "remote"} if member["remote"] else {"id": str(member["id"]), "type": "member"}
    found = Element("node", {**kind, "uname": name})
    found.append(values("instance_attributes", "attributes", name, {DOMAIN: ha["domains"][name]}))
    found.append(values("utilization", "room", name, ha["capacity"][name]))
    return found


def remote(member: Object) -> Element:
    """The connection to a remote node; Pacemaker wants it to have the node's name as its id."""
    name = member["name"]
    found = Element("primitive", {"id": name, "class": "ocf", "provider": "pacemaker", "type": "remote"})
    parameters = {"server": member["addresses"][0], "reconnect_interval": "15s"}
    found.append(values("instance_attributes", "remote", name, parameters))
    # Pacemaker's controller does both itself, over the connection.
    ops = ({"name": "monitor", "interval": "5s", "timeout": "10s"}, {"name": "start", "timeout": "60s"})
    found.append(operations(name, *ops))
    return found


def topology(ha: Object) -> Iterator[Element]:
    """The fence devices of each node, level by level."""
    for name, levels in ha["levels"].items():
        for number, devices in enumerate(levels, 1):
            attributes = {"index": str(number), "devices": ",".join(devices)}
            yield Element("fencing-level", {"id": ident(f"level.{number}", name), "target": name, **attributes})


def not_there(device: Object) -> Element:
    """No node watches over the device that ends itself."""
    attributes = {"rsc": device["id"], "node": device["node"], "score": "-INFINITY"}
    return Element("rsc_location", {"id": ident("off", device["node"]), **attributes})


def there() -> Element:
    """All nodes that are there count the same, a lost one does not: so the VMs that run are given their places first.

    Pacemaker places resources in the order of their scores where they were last, so VMs of a lost node would else drive
    running ones away. Each member has the transient attribute #feature-set (daemons/controld/controld_join_client.c),
    which goes with it; remote nodes have none.
    """
    found = Element("rsc_location", {"id": ident("there", "vm"), "rsc-pattern": "^vm-"})
    rule = SubElement(found, "rule", {"id": ident("there", "rule"), "score": str(THERE), "boolean-op": "or"})
    member = {"id": ident("there", "member"), "attribute": "#feature-set", "operation": "defined"}
    remotes = {"id": ident("there", "remote"), "attribute": "#kind", "operation": "eq", "value": "remote"}
    for expression in (member, remotes):
        SubElement(rule, "expression", expression)
    return found


def cluster_elements(ha: Object) -> Wanted:
    """All of it, as pairs of section and element, of the plan's `ha`."""
    crm_config = Element("cluster_property_set", id=PROPERTIES)
    for name, value in properties(ha).items():
        SubElement(crm_config, "nvpair", id=ident(f"property.{name}", "cluster"), name=name, value=str(value))
    found: Wanted = [("crm_config", crm_config)]
    found += [("nodes", node(member, ha)) for member in ha["members"]]
    found.append(("resources", template()))
    found += [("resources", fence_device(device)) for device in ha["devices"]]
    found += [("resources", remote(member)) for member in ha["members"] if member["remote"]]
    found.append(("constraints", there()))
    found += [("constraints", not_there(device)) for device in ha["devices"] if device["node"]]
    found += [("fencing-topology", level) for level in topology(ha)]
    return found
