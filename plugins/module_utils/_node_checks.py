# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks that need the nodes' answers: systems, clocks, links, package sources, capacity. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from ansible_collections.cairn.hci.plugins.module_utils import _networks
from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine, check_once
from ansible_collections.cairn.hci.plugins.module_utils._placement import Host
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size

SUPPORTED = {("debian", "12"), ("debian", "13")}
# What Ansible and ssh put before the reason.
LOGIN = ("denied", "password", "authentication")


def unanswered(node: Machine, message: str) -> str:
    """The sentence about a node that gave no facts."""
    # What ssh said last: before it, it may have said that a connection which was kept open is dead.
    reason = " ".join(message.split()).removesuffix(".").removeprefix("Task failed: ").rpartition("ssh: ")[2]
    where = f"{node.name} ({node.reached})"
    if "sshpass" in reason:
        return f"{where}: passwords need the program sshpass on the controller; install it, or log in with a key."
    if any(word in reason.lower() for word in LOGIN):
        return (
            f"{where} refuses the login as {node.user or 'the current user'}: {reason}; check ansible_user, and the "
            "password (-k) or the key."
        )
    if "Host key verification failed" in reason:
        return f"{where} has another or an unknown SSH host key: {reason}; check it, then correct known_hosts."
    if "interpreter" in reason or "python" in reason.lower():
        return f"{where} has no usable Python: {reason}; install python3 on it."
    return f"{where} does not answer over SSH: {reason or 'no answer'}; start it or correct ansible_host."


def check_system(node: Machine, facts: Object) -> Iterator[str]:
    """Whether the node is one that we know how to serve."""
    if (facts["distribution"], facts["version"]) not in SUPPORTED:
        yield f"it runs {facts['distribution_name']}, which is not supported; install Debian 13 or 12."
    if facts["user"] != 0:
        yield "the login is not root's; set ansible_user: root, or ansible_become: true."
    if node.get("libvirt_domain_type") == "kvm" and facts["domain_type"] != "kvm":
        yield (
            "libvirt_domain_type is kvm, and the node has no virtualization (vmx or svm, and /dev/kvm); enable it in "
            "the firmware, or use auto."
        )
    for source in facts["unreachable_sources"]:
        yield (
            f"the package source {source['uri']} {source['suite']} can't be reached ({source['reason']}), and packages "
            "are to be installed; correct it in /etc/apt, or give the node a way there."
        )


def check_links(node: Machine, facts: Object) -> Iterator[str]:
    """Whether the links, MTUs and VLANs of the inventory can be had on this node."""
    links = {link["name"]: link for link in facts["interfaces"]}
    bonds = node.get("network_bonds") or {}
    ours = {*node.get("network_bridges"), *(node.get("network_overlays") or {}), *bonds}
    storage = node.get("network_storage") or {}
    uses = [
        (port, f"{variable}.{name}.ports", _networks.mtu_of(node, name))
        for variable in ("network_bridges", "network_bonds")
        for name, options in (node.get(variable) or {}).items()
        for port in options.get("ports") or []
    ]
    if storage.get("interface") and storage["interface"] not in ours:
        uses.append((storage["interface"], "network_storage.interface", storage.get("mtu")))
    for link, where, mtu in uses:
        if link not in links and link not in ours:
            own = [name for name, found in links.items() if found["kind"] in ("ether", "bond", "vlan", "veth")]
            yield f"{where}: there is no link {link}; the node has {', '.join(sorted(own)) or 'none'}."
        elif mtu and mtu > ((links.get(link) or {}).get("max_mtu") or mtu):
            yield f"{where}: {link} can't carry an MTU of {mtu}; its most is {links[link]['max_mtu']}, lower mtu."
    for name, options in node.get("network_bridges").items():
        if options.get("vlan_aware") and facts["vlan_filtering"] is False:
            yield f"network_bridges.{name}.vlan_aware: this kernel's bridges can't filter VLANs; use another kernel."


def check_clocks(inventory: Inventory, problems: Problems) -> None:
    """Whether two clocks are further apart than allowed, measurement error aside."""
    limit = inventory.cluster("preflight_max_clock_skew")
    clocks = [
        (node.name, node.facts["clock_offset"], node.facts["clock_error"])
        for node in inventory.nodes.values()
        if node.facts and node.facts.get("clock_offset") is not None
    ]
    worst = max(combinations(clocks, 2), key=lambda pair: abs(pair[0][1] - pair[1][1]), default=None)
    if worst is None:
        return
    (one, offset, error), (other, other_offset, other_error) = worst
    apart = abs(offset - other_offset)
    if apart - error - other_error > limit:
        problems.add(
            "",
            f"The clocks of {one} and {other} are {apart:.1f} s apart, preflight_max_clock_skew allows {limit:g} s; "
            "set the time on both, and see that a time server is reached.",
        )


def check_macs(inventory: Inventory, problems: Problems) -> None:
    """Whether two nodes are clones with one MAC address."""
    hardware = ("ether", "veth")
    found = [
        (node.name, link["mac"])
        for node in inventory.nodes.values()
        for link in (node.facts or {}).get("interfaces", [])
        if link["kind"] in hardware and link["mac"] not in ("", "00:00:00:00:00:00") and not tap(link)
    ]
    check_once(found, "MAC address", problems)


def tap(link: Object) -> bool:
    """Whether a link is a guest's: libvirt gives them addresses that begin with fe."""
    return bool(link["mac"].startswith("fe:"))


def check(inventory: Inventory, problems: Problems, bad: set[str]) -> None:
    """All checks of the nodes that answered and are not in `bad`."""
    for node in inventory.nodes.values():
        if node.facts and node.name not in bad:
            for sentence in (*check_system(node, node.facts), *check_links(node, node.facts)):
                problems.add(node.name, sentence)
    check_clocks(inventory, problems)
    check_macs(inventory, problems)


def capacity(node: Machine, facts: Object, osds: int, declared: set[str]) -> Host:
    """What a node has for the VMs of the inventory: its memory less the host's, the OSDs' and that of other domains."""
    others = [domain for domain in facts["domains"] if domain["active"] and domain["name"] not in declared]
    memory = (
        facts["memory"]
        - parse_size(node.get("libvirt_reserved_memory"))
        - parse_size(node.get("ceph_osd_memory") or "4GiB") * osds
        - sum(domain["memory"] for domain in others)
    )
    vcpus = facts["cpus"] * node.get("libvirt_cpu_overcommit") - sum(domain["vcpus"] for domain in others)
    return Host(node.name, memory, vcpus)
