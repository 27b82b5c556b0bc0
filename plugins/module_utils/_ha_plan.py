# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""High availability as the inventory wants it: members, fence devices and their order, room for VMs. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine
from ansible_collections.cairn.hci.plugins.module_utils._placement import Host
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError

MIB = 1024**2
STORAGE = "fence-storage"
REMOTE_SERVICE = "pacemaker_remote.service"
# The only name under which pacemaker-fenced takes a watchdog (its daemons/fenced/fenced_commands.c).
WATCHDOG = "watchdog"
AGENTS = {"ipmi": "fence_ipmilan", "redfish": "fence_redfish"}
PORTS = {"ipmi": 623, "redfish": 443}
# Seconds until a BMC has switched its node off: three short sessions of UDP with IPMI, as many of TLS with Redfish.
BMC_TIMEOUT = {"ipmi": 5, "redfish": 15}
# Every BMC of IPMI 2.0 has this cipher suite.
CIPHER = 3
# Where role ha writes the program that prints a BMC's password, so that it is neither in the plan nor in the CIB.
PASSWORD_SCRIPT = "/etc/pacemaker/cairn/bmc-{node}"
# Resources times nodes that Pacemaker's own cluster-ipc-limit of 500 is made for.
IPC_STEP = 500


def protected(vm: Machine, inventory: Inventory) -> bool:
    """Whether the cluster chooses the VM's node and keeps it running."""
    return bool(inventory.cluster("ha_enabled") and vm.get("vm_ha") and not vm.get("vm_node"))


def own_id(node: Machine, known: dict[str, int]) -> int | None:
    """The Corosync id that a node has or is given. Raise ResourceError for one that can't be had."""
    there, wanted = known.get(node.name), node.get("ha_node_id")
    if wanted is None or wanted == there:
        return there
    if there is not None:
        raise ResourceError(
            f"{node.name}: ha_node_id is {wanted}, and the node is number {there} in the cluster, which is for life; "
            "remove ha_node_id."
        )
    owner = next((name for name, number in known.items() if number == wanted), None)
    if owner:
        raise ResourceError(
            f"{node.name}: ha_node_id {wanted} is that of {owner} in corosync.conf; choose another, or remove it."
        )
    return int(wanted)


def known_ids(inventory: Inventory) -> dict[str, int]:
    """The ids in the corosync.conf of all nodes. Raise ResourceError where two of them disagree."""
    known: dict[str, tuple[int, str]] = {}
    for node in inventory.nodes.values():
        for name, number in (((node.facts or {}).get("ha") or {}).get("nodes") or {}).items():
            there, teller = known.setdefault(name, (int(number), node.name))
            if there != int(number):
                raise ResourceError(
                    f"{name} is number {there} in the corosync.conf of {teller} and number {number} in that of "
                    f"{node.name}; they are of different clusters, remove the file of the one that shall join."
                )
    return {name: number for name, (number, _teller) in known.items()}


def is_remote(node: Machine) -> bool:
    """Whether the node is a remote one already; it has other packages than a member."""
    return REMOTE_SERVICE in (((node.facts or {}).get("ha") or {}).get("services") or ())


def node_ids(inventory: Inventory) -> dict[str, int]:
    """The Corosync id of each full member. An id is never given anew while any corosync.conf has it.

    Who is a member stays one, and who is a remote node; then come the first nodes of the inventory, up to
    ha_members_max.
    """
    known = known_ids(inventory)
    chosen = {name: own_id(node, known) for name, node in inventory.nodes.items()}
    owners: dict[int, str] = {}
    for name, number in chosen.items():
        if number is not None and owners.setdefault(number, name) != name:
            raise ResourceError(
                f"{owners[number]} and {name} have the same ha_node_id {number}; give one of them another."
            )
    members = [name for name in chosen if name in known]
    free = max(inventory.cluster("ha_members_max") - len(members), 0)
    members += [name for name in chosen if name not in known and not is_remote(inventory.nodes[name])][:free]
    taken = {*known.values(), *owners}
    ids: dict[str, int] = {}
    for name in (name for name in chosen if name in members):
        number = chosen[name] or next(n for n in range(1, len(taken) + 2) if n not in taken)
        taken.add(number)
        ids[name] = number
    return ids


def watchdog(node: Machine) -> str | None:
    """The node's watchdog device."""
    wanted = node.get("ha_watchdog")
    if wanted == "auto":
        found = ((node.facts or {}).get("ha") or {}).get("watchdogs")
        return str(found[0]) if found else None
    return None if wanted == "none" else str(wanted)


def feeds(node: Machine) -> bool:
    """Whether the node's watchdog is fed, or will be before its Pacemaker starts.

    The daemon for it starts only together with corosync, or with Pacemaker on a remote node. Pacemaker ends on all
    nodes of which it is told that they have a watchdog, and that have no such daemon (its
    daemons/controld/controld_fencing.c).
    """
    ha = (node.facts or {}).get("ha") or {}
    runs = ha.get("running") or ha.get("remote")
    return watchdog(node) is not None and (ha.get("watchdog_timeout") is not None or not runs)


def watchdog_timeout(inventory: Inventory) -> int:
    """What all watchdogs have reset their node after: one that is fed already keeps its time until it is fed anew."""
    told = [((node.facts or {}).get("ha") or {}).get("watchdog_timeout") or 0 for node in inventory.nodes.values()]
    return max([int(inventory.cluster("ha_watchdog_timeout")), *told])


def bmc_id(name: str) -> str:
    """The fence device of a node's BMC."""
    return f"fence-bmc-{name}"


def limited(seconds: int) -> Object:
    """The time of an attempt, so that a dead device does not hold up the next level.

    Attempts run side by side: Pacemaker would let one wait for a monitor that hangs at the dead device, and still carry
    it out when the device is back, and with it the node (pcmk_action_limit in Pacemaker Explained).
    """
    return {f"pcmk_{action}_timeout": f"{seconds}s" for action in ("off", "reboot")} | {"pcmk_action_limit": "-1"}


def cipher(name: str, inventory: Inventory) -> str:
    """The cipher suite that a node's BMC has, as another node has found out; asking for it takes ipmitool 14 s."""
    told = (((node.facts or {}).get("ha") or {}).get("bmc") or {} for node in inventory.nodes.values())
    return str(next((bmc["cipher"] for bmc in told if bmc.get("name") == name and bmc.get("cipher")), CIPHER))


def bmc_device(node: Machine, inventory: Inventory) -> Object:
    """The fence device of a node's BMC; parameters as in fence_ipmilan(8) and fence_redfish(8)."""
    bmc = node.get("ha_bmc")
    parameters = {
        "ip": bmc["address"],
        "ipport": str(bmc["port"] or PORTS[bmc["type"]]),
        "username": bmc["user"],
        "password_script": PASSWORD_SCRIPT.format(node=node.name),
        "pcmk_host_check": "static-list",
        "pcmk_host_list": node.name,
        # The agent looks until the power is as it shall be; it need not wait before it does.
        "power_wait": "0",
        **limited(bmc["timeout"] or BMC_TIMEOUT[bmc["type"]]),
    }
    parameters |= (
        {"lanplus": "1", "cipher": cipher(node.name, inventory)}
        if bmc["type"] == "ipmi"
        else {"ssl_secure" if bmc["verify"] else "ssl_insecure": "1"}
    )
    return {"id": bmc_id(node.name), "agent": AGENTS[bmc["type"]], "node": node.name, "parameters": parameters}


def devices(inventory: Inventory) -> list[Object]:
    """All fence devices: the storage, the BMCs and the watchdogs."""
    if not inventory.cluster("ha_fencing"):
        return []
    everyone = {"pcmk_host_check": "static-list", "pcmk_host_list": " ".join(inventory.nodes), **limited(30)}
    found: list[Object] = [{"id": STORAGE, "agent": "fence_cairn_storage", "node": None, "parameters": everyone}]
    found += [bmc_device(node, inventory) for node in inventory.nodes.values() if node.get("ha_bmc")]
    watched = [name for name, node in inventory.nodes.items() if feeds(node)]
    if watched:
        parameters = {"pcmk_host_list": " ".join(watched)}
        found.append({"id": WATCHDOG, "agent": "fence_watchdog", "node": None, "parameters": parameters})
    return found


def levels(node: Machine, inventory: Inventory, remote: bool = False) -> list[list[str]]:
    """The fence devices of a node in the order of trial; the storage first, so that I/O does not wait for a BMC.

    A remote node is never told that it was cut off from the storage alone, and would run on so.
    """
    if not inventory.cluster("ha_fencing"):
        return []
    found = [[STORAGE, bmc_id(node.name)]] if node.get("ha_bmc") else []
    if feeds(node):
        found.append([STORAGE, WATCHDOG])
    elif not remote and inventory.cluster("ha_storage_fencing") == "alone":
        found.append([STORAGE])
    return found


def members(inventory: Inventory, addresses: dict[str, list[str]]) -> Iterator[Object]:
    """All nodes: the full members with their ids, and the remote nodes. One address where both networks are one."""
    ids = node_ids(inventory)
    for name in inventory.nodes:
        links = list(dict.fromkeys(addresses[name]))
        yield {"name": name, "id": ids.get(name), "addresses": links, "remote": name not in ids}


def ipc_limit(vms: int, nodes: int) -> int:
    """Pacemaker's cluster-ipc-limit: resources times nodes (Pacemaker Explained), in steps, so it seldom changes."""
    return max(1, -(-(vms + 2 * nodes) * nodes // IPC_STEP)) * IPC_STEP


def plan(
    inventory: Inventory, addresses: dict[str, list[str]], hosts: Iterable[Host], protected_vms: int
) -> Object | None:
    """The plan of high availability; None where it is not wanted. `hosts` is what each node has left for such VMs."""
    if not inventory.cluster("ha_enabled"):
        return None
    nodes, ids = inventory.nodes, node_ids(inventory)
    return {
        "members": list(members(inventory, addresses)),
        "remotes": [name for name in nodes if name not in ids],
        "token": inventory.cluster("ha_token"),
        "fencing": inventory.cluster("ha_fencing"),
        "levels": {name: levels(node, inventory, name not in ids) for name, node in nodes.items()},
        "devices": devices(inventory),
        "watchdog": {name: watchdog(node) for name, node in nodes.items()},
        "watchdog_timeout": watchdog_timeout(inventory) if any(map(feeds, nodes.values())) else None,
        "capacity": {
            host.name: {"memory": max(int(host.memory // MIB), 0), "vcpus": max(int(host.vcpus), 0)} for host in hosts
        },
        "domains": {name: node.get("ha_domain") or name for name, node in nodes.items()},
        "migration_network": inventory.cluster("ha_migration_network"),
        "migrations": inventory.cluster("ha_migrations"),
        "ipc_limit": ipc_limit(protected_vms, len(nodes)),
    }
