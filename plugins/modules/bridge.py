#!/usr/bin/python
# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux bridges, bonds and addresses in systemd-networkd, changed under a rollback guard."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge
short_description: Linux bridges, bonds, their addresses and overlays, without locking yourself out
version_added: 0.1.0
author: The cairn.hci authors (@cairn-hci)
description:
  - Makes Linux bridges and bonds with their ports, addresses, routes and MTU, and persists them in systemd-networkd
    (C(/etc/systemd/network/05-cairn-*)).
  - A bridge or a bond can take over the addresses, routes, name servers and MAC of its port, also when that is the
    interface which Ansible uses, and a bridge those of a port of its bond. The links are taken over from ifupdown,
    netplan or systemd-networkd; the stanzas of C(/etc/network/interfaces) become comments that start with
    C(#cairn.hci#).
  - All objects of a task change in one transaction. Before it, the present state is saved on the node and a timer
    is armed. After it, the action plugin of the same name confirms over a fresh connection. Without that confirmation
    the node returns to what it had, files and running state, and also when it is rebooted in between.
  - Guests' interfaces on a bridge stay on it. A bridge with a guest's interface is not removed.
extends_documentation_fragment:
  - cairn.hci._attributes
options:
  bridges:
    description: Any number of objects in one call, instead of the options of one.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the link, at most 15 characters.
        type: str
        required: true
      type:
        description: V(bridge), V(bond), or V(interface) for a plain link that exists already.
        type: str
        choices: [bridge, bond, interface]
        default: bridge
      ports:
        description:
          - Uplinks of the bridge, interfaces or bonds. Links of guests are not named here and not touched.
          - Of a bond the interfaces that it joins, at least one.
        type: list
        elements: str
      bond:
        description:
          - The options of a bond. When not given, those that its file has.
          - A change of them makes the bond anew, which interrupts it for a moment.
        type: dict
        suboptions:
          mode: &mode
            description:
              - How the ports share the traffic.
              - V(active-backup), V(balance-tlb) and V(balance-alb) need nothing of the switches; V(802.3ad) needs LACP
                there, the others a static group of ports.
            type: str
            choices: [active-backup, 802.3ad, balance-xor, balance-rr, balance-tlb, balance-alb, broadcast]
            default: active-backup
          miimon: &miimon
            description: How often the carrier of the ports is looked at, in milliseconds, 10 to 10000.
            type: int
            default: 100
          lacp_rate: &lacp_rate
            description: How often LACP packets are asked for, every 30 seconds or every second. For V(802.3ad).
            type: str
            choices: [slow, fast]
          hash_policy: &hash_policy
            description: Which headers choose a packet's port. For V(802.3ad), V(balance-xor) and V(balance-tlb).
            type: str
            choices: [layer2, layer3+4, layer2+3, encap2+3, encap3+4, vlan+srcmac]
          primary: &primary
            description: The port to be used while it is up. For V(active-backup), V(balance-tlb) and V(balance-alb).
            type: str
      vlan_aware:
        description:
          - Whether the bridge filters VLANs. Its uplinks carry all VLANs, number 1 untagged.
          - Needs a kernel with VLAN filtering.
        type: bool
      mtu:
        description: Largest packet in bytes, of the bridge and its ports.
        type: int
      addresses:
        description:
          - Addresses with their prefix (V(192.0.2.11/24)), V(dhcp) for DHCPv4, V(auto) for IPv6 router advertisements.
          - V(keep) stands for those that the link, or a port it takes over, has outside the networks of those given.
          - When not given, V(keep) alone. An empty list is no address.
        type: list
        elements: str
      gateway:
        description: Default gateways, at most one of each IP version. When not given, kept with the addresses.
        type: list
        elements: str
      dns:
        description:
          - Name servers. Used where systemd-resolved is installed; otherwise C(/etc/resolv.conf) stays as it is.
          - When not given, those that the file of the link names.
        type: list
        elements: str
      routes:
        description: Further routes. When not given, kept with the addresses.
        type: list
        elements: dict
        suboptions:
          to:
            description: The network, such as V(10.0.0.0/8).
            type: str
            required: true
          via:
            description: The gateway; none for a network on the link itself.
            type: str
      vxlan:
        description: Makes the bridge an overlay - a VXLAN device C(vxlanID) becomes its port.
        type: dict
        suboptions:
          id:
            description: VXLAN network identifier, 1 to 16777215.
            type: int
            required: true
          local:
            description: The node's own address on the network that carries the overlay.
            type: str
            required: true
          remotes:
            description: The addresses of the other nodes.
            type: list
            elements: str
            required: true
          port:
            description: UDP port.
            type: int
            default: 4789
      state:
        description:
          - V(absent) removes the bridge or bond. Its addresses go back to its first port.
          - An interface that is absent is no longer configured by this module.
        type: str
        choices: [present, absent]
        default: present
  name:
    description: Name of the link, at most 15 characters.
    type: str
  type:
    description: V(bridge), V(bond), or V(interface) for a plain link that exists already.
    type: str
    choices: [bridge, bond, interface]
    default: bridge
  ports:
    description: Uplinks of the bridge, or the interfaces of a bond. See O(bridges[].ports).
    type: list
    elements: str
  bond:
    description: The options of a bond. See O(bridges[].bond).
    type: dict
    suboptions:
      mode: *mode
      miimon: *miimon
      lacp_rate: *lacp_rate
      hash_policy: *hash_policy
      primary: *primary
  vlan_aware:
    description: Whether the bridge filters VLANs. See O(bridges[].vlan_aware).
    type: bool
  mtu:
    description: Largest packet in bytes, of the bridge and its ports.
    type: int
  addresses:
    description: Addresses with their prefix, V(dhcp), V(auto) or V(keep). See O(bridges[].addresses).
    type: list
    elements: str
  gateway:
    description: Default gateways, at most one of each IP version. When not given, kept with the addresses.
    type: list
    elements: str
  dns:
    description: Name servers. See O(bridges[].dns).
    type: list
    elements: str
  routes:
    description: Further routes. When not given, kept with the addresses.
    type: list
    elements: dict
    suboptions:
      to:
        description: The network, such as V(10.0.0.0/8).
        type: str
        required: true
      via:
        description: The gateway; none for a network on the link itself.
        type: str
  vxlan:
    description: Makes the bridge an overlay. See O(bridges[].vxlan).
    type: dict
    suboptions:
      id:
        description: VXLAN network identifier, 1 to 16777215.
        type: int
        required: true
      local:
        description: The node's own address on the network that carries the overlay.
        type: str
        required: true
      remotes:
        description: The addresses of the other nodes.
        type: list
        elements: str
        required: true
      port:
        description: UDP port.
        type: int
        default: 4789
  state:
    description: Whether the bridge shall exist. See O(bridges[].state).
    type: str
    choices: [present, absent]
    default: present
  rollback_timeout:
    description: Seconds until an unconfirmed change is rolled back, at least 20.
    type: int
    default: 60
  token:
    description: Names the change. Set by the action plugin.
    type: str
  phase:
    description:
      - V(apply) makes the change, V(settle) waits until it is in force, V(confirm) keeps it. Set by the action plugin.
    type: str
    choices: [apply, settle, confirm]
    default: apply
notes:
  - Other addresses on a link (a virtual address of a cluster manager) are no difference; yet when an option of that
    link changes, systemd-networkd configures it afresh.
  - Kernel, systemd and iproute2 of stock Debian 12 or 13 are enough.
seealso:
  - module: cairn.hci.bridge_info
"""

EXAMPLES = r"""
- name: The bridge lan takes over addresses, routes and MAC of eno1
  cairn.hci.bridge:
    name: lan
    ports: [eno1]

- name: A bridge, a storage interface and an overlay in one guarded transaction
  cairn.hci.bridge:
    bridges:
      - name: lan
        ports: [eno1]
        addresses: [192.0.2.11/24]
        gateway: 192.0.2.1
      - name: eno2
        type: interface
        addresses: [10.10.0.1/24]
        mtu: 9000
      - name: tenant
        addresses: []
        mtu: 8950
        vxlan: {id: 100, local: 10.10.0.1, remotes: [10.10.0.2, 10.10.0.3]}

- name: A bond of two interfaces as the uplink of a bridge, both in one guarded transaction
  cairn.hci.bridge:
    bridges:
      - name: bond0
        type: bond
        ports: [eno1, eno3]
        bond: {mode: 802.3ad, hash_policy: layer3+4}
      - name: lan
        ports: [bond0]

- name: Give the addresses back to eno1
  cairn.hci.bridge:
    name: lan
    state: absent
"""

RETURN = r"""
bridges:
  description: The objects as they are now, in the order of the task.
  returned: success
  type: list
  elements: dict
  sample:
    - name: lan
      type: bridge
      state: present
      changed: true
      ports: [eno1]
      guests: [vnet0]
      bond: null
      vlan_aware: false
      mtu: 1500
      mac: 52:54:00:12:34:56
      addresses: [192.0.2.11/24]
      gateway: [192.0.2.1]
      dns: []
      routes: []
      vxlan: null
      persisted: true
rolled_back:
  description: The changes that were taken back.
  returned: when the change was not confirmed
  type: bool
"""

import time

from ansible_collections.cairn.hci.plugins.module_utils import _bridge, _bridge_checks, _network_change, _network_guard
from ansible_collections.cairn.hci.plugins.module_utils._resource import (
    Change,
    Object,
    Resource,
    ResourceError,
    run,
    wanted_objects,
)

SETTLE = 25.0  # seconds; a DHCP lease can take some, and the rollback must still come in time
OPTIONS: Object = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["bridge", "bond", "interface"], "default": "bridge"},
    "ports": {"type": "list", "elements": "str"},
    "bond": {
        "type": "dict",
        "options": {
            "mode": {"type": "str", "choices": list(_bridge_checks.MODES), "default": _bridge_checks.MODES[0]},
            "miimon": {"type": "int", "default": 100},
            "lacp_rate": {"type": "str", "choices": list(_bridge_checks.LACP_RATES)},
            "hash_policy": {"type": "str", "choices": list(_bridge_checks.HASH_POLICIES)},
            "primary": {"type": "str"},
        },
    },
    "vlan_aware": {"type": "bool"},
    "mtu": {"type": "int"},
    "addresses": {"type": "list", "elements": "str"},
    "gateway": {"type": "list", "elements": "str"},
    "dns": {"type": "list", "elements": "str"},
    "routes": {
        "type": "list",
        "elements": "dict",
        "options": {"to": {"type": "str", "required": True}, "via": {"type": "str"}},
    },
    "vxlan": {
        "type": "dict",
        "options": {
            "id": {"type": "int", "required": True},
            "local": {"type": "str", "required": True},
            "remotes": {"type": "list", "elements": "str", "required": True},
            "port": {"type": "int", "default": _bridge_checks.VXLAN_PORT},
        },
    },
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
COMMON: Object = {
    "rollback_timeout": {"type": "int", "default": 60},
    "token": {"type": "str", "no_log": False},
    "phase": {"type": "str", "choices": ["apply", "settle", "confirm"], "default": "apply"},
}


class Bridge(Resource):
    """Bridges, bonds and plain links in systemd-networkd."""

    plural = "bridges"
    node: _bridge.Node

    def items(self) -> list[Object]:
        """The objects of the task."""
        return wanted_objects(self.params, self.plural, set(OPTIONS))

    def task(self) -> _bridge.Task:
        """What the objects of the task are to each other."""
        return _bridge.Task.of(self.items())

    def open(self) -> None:
        """Check the task as a whole; after the phase `apply`, wait for the change to be made, then keep it.

        What an earlier run left unconfirmed is rolled back first. Only check mode comes without a token.
        """
        if self.params["rollback_timeout"] < 20:
            raise ResourceError("rollback_timeout: less than 20 seconds is too short for a fresh connection.")
        _bridge_checks.together(self.items())
        if self.params["phase"] != "apply":
            self.settle()
        elif self.params["token"] and _network_guard.PENDING.exists():
            _network_guard.roll_back()
            _network_guard.wait_quiet()
        if self.params["phase"] == "confirm":
            _network_guard.confirm(self.params["token"])

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Read the node at once; objects by name."""
        self.node = _network_guard.read_node(vlan=any(item.get("vlan_aware") for item in wanted or []))
        return _bridge.read(self.node, None if wanted is None else [item["name"] for item in wanted])

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """Complete the options from what the node has, after checking them."""
        items, task = self.items(), self.task()
        _bridge_checks.check(self.node, wanted, task, _bridge_checks.released(self.node, items))
        if wanted["state"] == "absent":
            return wanted
        full = _bridge.complete(self.node, wanted, task)
        _bridge_checks.check_complete(self.node, full)
        return full

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Compare the running state and the files with the options; a change in force has nothing left to plan."""
        changes = _bridge.plan(self.node, current, wanted) if self.params["phase"] == "apply" else []
        if changes:
            _bridge_checks.policy(self.node, wanted)
        return changes

    def apply_all(self, work: list[tuple[Object | None, Object, list[Change]]]) -> None:
        """Make all changes in one guarded transaction."""
        token = self.params["token"]
        if not token:
            raise ResourceError("the module bridge is used through its action plugin only: name it cairn.hci.bridge.")
        change = _network_change.make(self.node, [item for _current, item, _changes in work], self.task())
        _network_guard.begin(self.node, change, token, self.params["rollback_timeout"])

    def settle(self) -> None:
        """Wait until the node is as the task says; roll back when it does not become so."""
        token = self.params["token"]
        if token == _network_guard.token_of(_network_guard.CONFIRMED):
            return
        if token != _network_guard.token_of(_network_guard.PENDING):
            raise ResourceError(_network_guard.TOO_LATE)
        deadline = time.monotonic() + min(SETTLE, self.params["rollback_timeout"] / 2)
        missing = self.missing()
        while missing and time.monotonic() < deadline:
            time.sleep(0.1)
            missing = self.missing()
        if missing:
            _network_guard.roll_back()
            raise ResourceError(f"the node did not become as declared ({missing})")

    def missing(self) -> str:
        """What is not yet as the task says."""
        if _network_guard.applying():
            return "the change was still being made"
        items = self.items()
        current = self.read(items)
        found = []
        for item in items:
            name = self.identity(item)
            full = self.normalise(item, current.get(name))
            changes = [
                change for change in _bridge.plan(self.node, current.get(name), full) if change.field != "unconfirmed"
            ]
            found += [f"{name}: {change.field} is {change.before} instead of {change.after}" for change in changes]
        return "; ".join(found)


def main() -> None:
    """Run the module."""
    run(Bridge, OPTIONS, COMMON)


if __name__ == "__main__":
    main()
