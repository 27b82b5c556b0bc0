# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of what describes a domain, for the modules domain and vm; documented in the fragment `_domain`.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

TEXT: Object = {"type": "str"}
PATH: Object = {"type": "path"}
NUMBER: Object = {"type": "int"}
FLAG: Object = {"type": "bool"}
NAME: Object = {"type": "str", "required": True}

DISK: Object = {
    "name": NAME,
    "pool": TEXT,
    "image": TEXT,
    "file": PATH,
    "device": PATH,
    "format": {"type": "str", "choices": ["raw", "qcow2"]},
    "bus": {"type": "str", "choices": ["virtio", "scsi", "sata", "usb"]},
    "cache": {"type": "str", "choices": ["default", "none", "writeback", "writethrough", "directsync", "unsafe"]},
    "discard": FLAG,
    "iops": NUMBER,
    "bandwidth": TEXT,
    "boot_order": NUMBER,
    "serial": TEXT,
    "readonly": FLAG,
    "size": TEXT,
}
NIC: Object = {
    "name": NAME,
    "bridge": TEXT,
    "network": TEXT,
    "vlan": NUMBER,
    "mac": TEXT,
    "mtu": NUMBER,
    "queues": NUMBER,
    "model": TEXT,
    "link": FLAG,
}
DOMAIN: Object = {
    "name": NAME,
    **dict.fromkeys(("uuid", "title", "description", "memory", "memory_max", "cpu_model", "machine"), TEXT),
    **dict.fromkeys(("vcpus", "vcpus_max"), NUMBER),
    "firmware": {"type": "str", "choices": ["bios", "uefi"]},
    "disks": {"type": "list", "elements": "dict", "options": DISK},
    "nics": {"type": "list", "elements": "dict", "options": NIC},
    "pci_devices": {"type": "list", "elements": "str"},
    "cloud_init": {"type": "dict", "options": {"pool": TEXT, "image": TEXT, "file": PATH}},
    **dict.fromkeys(("console_log", "vnc", "guest_agent", "watchdog", "rng"), FLAG),
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "power": {"type": "str", "choices": ["running", "stopped", "paused"]},
    "restart": {"type": "str", "choices": ["never", "allowed"], "default": "never"},
    "shutdown_timeout": {"type": "int", "default": 120},
    "force_after": {"type": "bool", "default": False},
}
AUTOSTART: Object = {"autostart": FLAG}
PLACEMENT: Object = {
    "nodes": {"type": "list", "elements": "str"},
    **{
        name: {"type": "list", "elements": "str", "default": []}
        for name in ("prefer", "apart", "together", "start_after")
    },
    "priority": {"type": "int", "default": 0},
    "apart_by": {"type": "str", "choices": ["node", "domain"], "default": "node"},
    "affinity_strict": {"type": "bool", "default": False},
    "guest_shutdown": {"type": "str", "choices": ["stop", "restart"], "default": "stop"},
}
STORAGE: Object = {
    "ceph_user": {"type": "str", "default": "libvirt"},
    "ceph_secret_uuid": {"type": "str", "no_log": False},
    "domain_type": {"type": "str", "choices": ["auto", "kvm", "qemu"], "default": "auto"},
}
