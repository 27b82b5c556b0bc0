# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud-init's three documents of a VM. Pure.

Private to the collection.
"""

from __future__ import annotations

import uuid
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._inventory import Machine
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

# A processor that is added to a running Linux guest stays off until somebody switches it on.
HOTPLUG_RULE = 'SUBSYSTEM=="cpu", ACTION=="add", TEST=="online", ATTR{online}!="1", ATTR{online}="1"\n'
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "seed.cairn.hci")
# Keys of a cloud-config with which somebody can log in.
LOGINS = {"users", "ssh_authorized_keys", "password", "chpasswd", "ssh_import_id"}


def merge(ours: Any, theirs: Any) -> Any:
    """Dictionaries are merged, lists appended, everything else is replaced."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours | {key: merge(ours[key], value) if key in ours else value for key, value in theirs.items()}
    if isinstance(ours, list) and isinstance(theirs, list):
        return [*ours, *theirs]
    return theirs


def user_data(vm: Machine, keys: list[str]) -> Object:
    """The cloud-config: name, user and keys, and what the inventory adds."""
    user = vm.get("vm_user") or vm.user or "debian"
    login: Object = {"name": user, "ssh_authorized_keys": keys}
    if user != "root":
        login |= {"sudo": "ALL=(ALL) NOPASSWD:ALL", "shell": "/bin/bash", "lock_passwd": True}
    ours = {
        "hostname": host_name(vm.name),
        "fqdn": vm.name.replace("_", "-"),
        "manage_etc_hosts": True,
        "ssh_pwauth": False,
        "disable_root": user != "root",
        "users": [login],
        # Else interfaces that come later stay without addresses, and some guests lose all where their slots change.
        "updates": {"network": {"when": ["boot-new-instance", "boot"]}},
        "write_files": [{"path": "/etc/udev/rules.d/80-cairn-hotplug.rules", "content": HOTPLUG_RULE}],
    }
    merged: Object = merge(ours, vm.get("vm_user_data"))
    return merged


def host_name(name: str) -> str:
    """The first part of a name, as a host can bear it."""
    return name.partition(".")[0].replace("_", "-")


def meta_data(vm: Machine) -> Object:
    """The identity: as long as it stays, cloud-init does its first boot's work once."""
    return {"instance-id": str(uuid.uuid5(NAMESPACE, vm.name)), "local-hostname": host_name(vm.name)}


def network_config(nics: list[Object]) -> Object:
    """Version 2 of the network configuration; interfaces are known by their MAC addresses."""
    return {"version": 2, "ethernets": {f"nic{number}": _ethernet(nic) for number, nic in enumerate(nics)}}


def _ethernet(nic: Object) -> Object:
    """One interface. Default routes are written as numbers: the cloud-init of Debian 12 does not know `default`."""
    found: Object = {"match": {"macaddress": nic["mac"]}}
    if nic["address"] is None:
        found["dhcp4"] = True
    else:
        found["addresses"] = [nic["address"]]
        if nic["gateways"]:
            found["routes"] = [{"to": "::/0" if ":" in one else "0.0.0.0/0", "via": one} for one in nic["gateways"]]
        if nic["dns"]:
            found["nameservers"] = {"addresses": nic["dns"]}
    if nic["mtu"]:
        found["mtu"] = nic["mtu"]
    return found
