# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the inventory and the nodes' facts to the plan that all roles carry out. Pure.

Private to the collection.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ansible_collections.cairn.hci.plugins.module_utils import (
    _ceph_cluster,
    _ceph_db,
    _ceph_devices,
    _guests,
    _ha_plan,
    _kernel_options,
    _networks,
    _storage_vms,
)
from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine, first_pool, monitors
from ansible_collections.cairn.hci.plugins.module_utils._node_checks import capacity
from ansible_collections.cairn.hci.plugins.module_utils._placement import Guest, Host, place
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size
from ansible_collections.cairn.hci.plugins.module_utils._vm_plan import VmPlan


def cluster(inventory: Inventory, new_fsid: str) -> Object:
    """Which Ceph cluster the nodes are or will be. Raise ResourceError where they are of different ones."""
    reports = {node.name: (node.facts or {}).get("ceph") for node in inventory.nodes.values()}
    wipe = {node.name: node.get("ceph_osd_wipe") or [] for node in inventory.nodes.values()}
    decided: Object = _ceph_cluster.decide(reports, monitors(inventory), wipe, new_fsid)
    return decided


def osds(inventory: Inventory, fsid: str, problems: Problems) -> dict[str, list[Object]]:
    """The devices of each node that are or become OSDs."""
    wrong = Problems()
    devices = {name: _osds(node, fsid, wrong) for name, node in inventory.nodes.items()}
    if not wrong and (len(devices) > 2 or inventory.cluster("preflight_allow_few_nodes")):
        _check_pools(inventory, devices, wrong)
    problems.take(wrong)
    return devices


def _osds(node: Machine, fsid: str, problems: Problems) -> list[Object]:
    """The devices of a node that are or become OSDs, each with what becomes of it."""
    facts, wipe = node.facts or {}, node.get("ceph_osd_wipe") or []
    found = _storage_vms.osd_devices(node)
    if facts["osd_error"]:
        problems.add(node.name, facts["osd_error"])
    elif not found and node.get("ceph_osd_devices"):
        problems.add(
            node.name, f"ceph_osd_devices: no disk matches {', '.join(node.get('ceph_osd_devices'))}; correct it."
        )
    chosen = []
    layout = _layout(node)
    try:
        away = _storage_vms.given_away(node)
        for device in (
            _storage_vms.selected(node)
            if away
            else _ceph_devices.select(found, node.get("ceph_osd_filter"), fsid, wipe)
        ):
            try:
                verdict = _ceph_devices.verdict(device, fsid, None, wipe, layout)
                entry = {"path": device["path"], "size": device["size"], "plan": verdict}
                chosen.append(entry | _osd_count(device, fsid, layout["per_device"]))
            except ResourceError as error:
                problems.add(node.name, str(error))
        _check_layout(node, chosen, fsid, problems)
    except ResourceError as error:
        problems.add(node.name, str(error))
    return chosen


def _osd_count(device: Object, fsid: str, per_device: int) -> Object:
    """How many OSDs a device will have, and how many of them are new. A storage VM has looked at its own."""
    kept = per_device if device.get("kept") else len(_ceph_devices.finished(device, fsid, None))
    return {"osds": max(kept, per_device), "new": max(0, per_device - kept)}


def _layout(node: Machine) -> Object:
    """How the OSDs of a node shall be."""
    return {
        "encrypted": bool(node.get("ceph_osd_encrypted")),
        "db": bool(node.get("ceph_osd_db_devices")),
        "per_device": node.get("ceph_osds_per_device") or 1,
    }


def _check_layout(node: Machine, chosen: list[Object], fsid: str, problems: Problems) -> None:
    """Whether the node can have such OSDs. Raise ResourceError for databases that find no place."""
    facts, layout, patterns = node.facts or {}, _layout(node), node.get("ceph_osd_db_devices") or []
    asked = {
        "ceph_osd_encrypted": layout["encrypted"],
        "ceph_osd_db_devices": layout["db"],
        "ceph_osds_per_device": layout["per_device"] > 1,
    }
    for variable, wanted in asked.items():
        if wanted and chosen and not _storage_vms.given_away(node) and not facts["ceph"]["device_mapper"]:
            problems.add(
                node.name,
                f"{variable} needs device-mapper, which this node's kernel has not; use another kernel, or unset it.",
            )
    if facts["osd_error"] or not patterns:
        return
    fast = facts["osd_db_devices"]
    if not fast:
        raise ResourceError(f"ceph_osd_db_devices: no disk matches {', '.join(patterns)}; correct it.")
    for device in fast:
        _ceph_db.verdict(device, fsid, node.get("ceph_osd_wipe") or [])
    size = parse_size(node.get("ceph_osd_db_size")) if node.get("ceph_osd_db_size") else None
    new = sum(device["new"] for device in chosen)
    capacities = {device["path"]: _ceph_db.capacity(device, None) for device in fast}
    _ceph_db.allocate(capacities, sum(device["osds"] for device in chosen), new, size)


def _check_pools(inventory: Inventory, devices: dict[str, list[Object]], problems: Problems) -> None:
    """Whether Ceph can keep as many copies as each pool wants."""
    having = sum(1 for chosen in devices.values() if chosen)
    options = (inventory.cluster("ceph_config") or {}).get("global") or {}
    single = str(options.get("mon_allow_pool_size_one")).lower() == "true"
    for name, pool in (inventory.cluster("ceph_pools") or {}).items():
        size, low = pool.get("size") or 3, pool.get("min_size") or 2
        if pool.get("state", "present") == "absent":
            continue
        if size == 1 and not (low == 1 and single):
            problems.add(
                "",
                f"ceph_pools.{name}.size: 1 is a single copy, which Ceph refuses; give at least 2, or accept the loss "
                "of data with min_size: 1 and ceph_config.global.mon_allow_pool_size_one: true.",
            )
        elif low > size:
            problems.add("", f"ceph_pools.{name}.min_size: {low} is more than the size {size}; correct one of them.")
        if size > having and not pool.get("crush_rule"):
            problems.add(
                "",
                f"ceph_pools.{name}: {size} replicas need {size} nodes with OSDs, and ceph_osd_devices gives {having}; "
                f"add disks, or set ceph_pools.{name}.size.",
            )


@dataclass(frozen=True)
class Placement:
    """The node of each VM that has one of its own, the other VMs, and what the nodes have left for those."""

    placed: dict[str, str]
    guests: list[Guest]
    hosts: list[Host]


def placement(inventory: Inventory, among: dict[str, frozenset[str]], devices: dict[str, list[Object]]) -> Placement:
    """Where the VMs that shall exist are. Raise ResourceError when there is not room for all."""
    declared, homes = set(inventory.vms), _guests.homes(inventory)
    free = {name for name in among if _ha_plan.protected(inventory.vms[name], inventory)}
    guests = [_guests.guest(inventory.vms[name], homes[name], nodes, name not in free) for name, nodes in among.items()]
    # A storage VM's memory is that of its OSDs, and is counted as that of any VM.
    osds = {
        name: 0 if _storage_vms.given_away(node) else sum(device["osds"] for device in devices[name])
        for name, node in inventory.nodes.items()
    }
    hosts = [capacity(node, node.facts, osds[node.name], declared) for node in inventory.nodes.values() if node.facts]
    placed = place(hosts, guests)
    left = {host.name: host for host in hosts}
    for guest in guests:
        if guest.name not in free:
            left[placed[guest.name]].take(guest)
    return Placement(
        {name: node for name, node in placed.items() if name not in free},
        [guest for guest in guests if guest.name in free],
        hosts,
    )


def node_plans(inventory: Inventory, devices: dict[str, list[Object]]) -> dict[str, Object]:
    """What each node is to be."""
    networks = _networks.plan(inventory)
    storage_vms = {vm.get("vm_node"): vm.name for vm in inventory.storage()}
    plans = {}
    for name, node in inventory.nodes.items():
        facts, own, kind = node.facts or {}, _networks.storage(node), node.get("libvirt_domain_type")
        management = node.address or getattr(_networks.own_interface(node), "ip", own.ip)
        plans[name] = {
            "place": node.place,
            "address": str(management),
            "storage_address": str(own),
            "storage_ip": str(own.ip),
            **networks[name],
            "domain_type": facts["domain_type"] if kind == "auto" else kind,
            "osds": devices[name],
            "kernel": _kernel_options.plan(node),
            "storage_vm": storage_vms.get(name),
            "pci_devices": inventory.kept_devices.get(name, []),
            "ceph": facts["ceph"],
        }
    return plans


def availability(inventory: Inventory, nodes: dict[str, Object], where: Placement) -> Object | None:
    """The plan of high availability. Raise ResourceError for Corosync ids that can't be."""
    addresses = {name: [node["storage_ip"], node["address"]] for name, node in nodes.items()}
    return _ha_plan.plan(inventory, addresses, where.hosts, len(where.guests))


def build(
    inventory: Inventory,
    ceph: Object,
    devices: dict[str, list[Object]],
    where: Placement,
    among: dict[str, frozenset[str]],
) -> Object:
    """The plan."""
    nodes = node_plans(inventory, devices)
    vms = VmPlan(inventory, where.placed, among)
    return {
        "fsid": ceph["fsid"],
        "secret_uuid": str(uuid.uuid5(uuid.UUID(ceph["fsid"]), "client.libvirt")),
        "ceph": ceph,
        "nodes": nodes,
        "monitors": [{"name": name, "address": nodes[name]["storage_ip"]} for name in monitors(inventory)],
        "storage_cidr": str(_networks.storage(next(iter(inventory.nodes.values()))).network),
        "certificates": [
            {"name": name, "dns": [name], "addresses": list(dict.fromkeys([node["address"], node["storage_ip"]]))}
            for name, node in nodes.items()
        ],
        "vm_pool": first_pool(inventory),
        "ha": availability(inventory, nodes, where),
        **vms.parts(),
    }
