# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a domain: what changes, and what of that a running guest sees at once. Pure.

Everything that changes is written to the persistent configuration. A field also changes in the running domain where
libvirt can do that; the rest waits for a restart. A running domain that lacks what its configuration has already is
brought up to it, so that an interrupted run is finished by the next one.

Private to the collection.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._domain_options import pair_disks, pair_nics
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, create, remove
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size, parse_size

# Options that say how to work, not what shall be.
HOW = ("state", "restart", "shutdown_timeout", "force_after")
LIVE_SCALARS = ("title", "description", "vcpus", "memory")
SCALARS = (
    *("title", "description", "domain_type", "vcpus_max", "vcpus", "memory_max", "memory", "cpu_model", "machine"),
    *("firmware", "cloud_init", "pci_devices", "console_log", "vnc", "guest_agent", "watchdog", "rng"),
)
LIVE_FIELDS = {"disks": ("iops", "bandwidth"), "nics": ("bridge", "network", "vlan", "link")}
PLUGGABLE_BUSES = ("virtio", "scsi", "usb")
SOURCE_FIELDS = ("pool", "image", "file", "device")
# A Linux guest takes memory in blocks of 128 MiB.
DIMM_STEP = 128 * 1024
POWER_VERBS = {"running": "start", "stopped": "stop", "paused": "pause"}


def plan(current: Object | None, live: Object | None, wanted: Object) -> list[Change]:
    """The changes from `current` (the persistent configuration) and `live` (the running domain) to `wanted`."""
    if wanted.get("state", "present") == "absent":
        return remove() if current is not None else []
    if current is None:
        return create(wanted, ignore=HOW)
    stays = None if wanted.get("power") == "stopped" else live
    changes = [*scalars(current, stays, wanted), *disks(current, stays, wanted), *nics(current, stays, wanted)]
    changes = limited_to_ports(changes, current, stays)
    if stays is not None and wanted.get("restart") == "allowed":
        changes = with_restart(changes, current)
    for field in ("autostart", "power"):
        if wanted.get(field) not in (None, current[field]):
            verb = POWER_VERBS[wanted[field]] if field == "power" else "update"
            changes.append(Change(field, current[field], wanted[field], verb))
    return changes


def with_restart(changes: list[Change], current: Object) -> list[Change]:
    """The plan with a restart, if anything waits for one."""
    waiting = sorted({c.field for c in changes if c.restart}.union(current.get("restart_fields", [])))
    if not waiting:
        return changes
    return [*(replace(c, restart=False) for c in changes), Change("restart", None, waiting, "restart")]


def scalars(current: Object, live: Object | None, wanted: Object) -> list[Change]:
    """The options that are one value."""
    changes = []
    for field in SCALARS:
        value = wanted.get(field)
        if value is None:
            continue
        if current[field] != value:
            changes.append(
                Change(field, current[field], value, restart=live is not None and not takes(live, field, value))
            )
        elif live is not None and live[field] != value and catches_up(live, field, value):
            changes.append(Change(field, live[field], value))
    return changes


def catches_up(live: Object, field: str, value: Any) -> bool:
    """Whether a running domain that lags behind its configuration is changed now.

    Less memory or fewer vcpus are asked for once: a guest that does not give them back would be asked at every run.
    """
    if field == "memory" and parse_size(value) < parse_size(live["memory"]):
        return False
    return not (field == "vcpus" and live["vcpus"] > value) and takes(live, field, value)


def takes(live: Object, field: str, value: Any) -> bool:
    """Whether libvirt can change the field of the running domain."""
    if field == "vcpus":
        return bool(live["facts"]["vcpus_fixed"] <= value <= live["vcpus_max"])
    if field == "memory":
        return takes_memory(live["facts"], parse_size(value) // 1024)
    if field == "pci_devices":
        return takes_devices(live, set(value))
    return field in LIVE_SCALARS


def takes_memory(facts: Object, size: int) -> bool:
    """Whether the balloon or a DIMM (of whole blocks, within slots and ceiling) makes it `size` KiB."""
    if size <= facts["total"]:
        return True
    return bool(facts["slots"] > 0 and size <= facts["ceiling"] and (size - facts["total"]) % DIMM_STEP == 0)


def takes_devices(live: Object, value: set[str]) -> bool:
    """Whether there is a PCIe port for each new one. None is taken from a guest that runs."""
    there, ports = set(live["pci_devices"]), live["facts"]["ports"]
    return there < value and (ports is None or len(value - there) <= ports)


def item_changes(kind: str, now: Object, item: Object, running: Object | None, up: bool) -> list[Change]:
    """The fields of one disk or NIC: `now` in the configuration, `running` in the running domain (if it is there)."""
    changes = []
    for name, value in item.items():
        if name in {"size", "target"}:
            continue
        path = f"{kind}.{now['name']}.{name}"
        live = running is not None and name in LIVE_FIELDS[kind]
        if now.get(name) != value:
            changes.append(Change(path, now.get(name), value, restart=up and not live and name != "name"))
        elif live and running is not None and running.get(name) != value:
            changes.append(Change(path, running.get(name), value))
    return changes


def is_managed_disk(disk: Object) -> bool:
    """Whether its kind of source is one of ours."""
    return any(disk.get(field) for field in SOURCE_FIELDS)


def find_live(live: Object | None, field: str, item: Object, key: str) -> Object | None:
    """The running domain's disk or NIC: the one with the same target or address, or the same name."""
    items = [] if live is None else live[field]
    return next((i for i in items if i[key] == item.get(key)), None) or next(
        (i for i in items if i["name"] == item["name"]), None
    )


def disks(current: Object, live: Object | None, wanted: Object) -> list[Change]:
    """The disks: those to unplug first, so that their places are free."""
    if wanted.get("disks") is None:
        return []
    up, plugs, changes = live is not None, [], []
    kept = set()
    for item, now in pair_disks(wanted["disks"], current["disks"]):
        path = f"disks.{item['name']}"
        running = find_live(live, "disks", now or item, "target")
        if now is None:
            plugs.append(Change(path, None, item, "plug", restart=up and item["bus"] not in PLUGGABLE_BUSES))
            continue
        kept.add(now["target"])
        item_plan = item_changes("disks", now, item, running, up)
        changes += item_plan
        if running is not None:
            changes += growth(path, running, item)
        elif live is not None and now["bus"] in PLUGGABLE_BUSES and not any(c.restart for c in item_plan):
            plugs.append(Change(path, None, item, "plug"))
    gone = [disk for disk in current["disks"] if disk["target"] not in kept and is_managed_disk(disk)]
    targets = {disk["target"] for disk in current["disks"]}
    gone += [disk for disk in (live or {}).get("disks", []) if disk["target"] not in targets and is_managed_disk(disk)]
    return [*(unplug_disk(disk, up) for disk in gone), *changes, *plugs]


def unplug_disk(disk: Object, up: bool) -> Change:
    """A disk that is no longer wanted; its data stays."""
    return Change(f"disks.{disk['name']}", disk, None, "unplug", restart=up and disk["bus"] not in PLUGGABLE_BUSES)


def growth(path: str, running: Object, item: Object) -> list[Change]:
    """The running domain learns that its disk was grown. `size` of `running` is what QEMU knows, if it was asked."""
    size, now = item.get("size"), running.get("size")
    if not size or not now or parse_size(size) <= now:
        return []
    return [Change(f"{path}.size", format_size(now), size, "grow")]


def nics(current: Object, live: Object | None, wanted: Object) -> list[Change]:
    """The NICs: those to unplug first."""
    if wanted.get("nics") is None:
        return []
    up, plugs, changes = live is not None, [], []
    kept = set()
    for item, now in pair_nics(wanted["nics"], current["nics"]):
        running = find_live(live, "nics", now or item, "mac")
        if now is None:
            plugs.append(Change(f"nics.{item['name']}", None, item, "plug"))
            continue
        kept.add(now["mac"])
        item_plan = item_changes("nics", now, moved(now, item), running, up)
        changes += item_plan
        if up and running is None and not any(c.restart for c in item_plan):
            plugs.append(Change(f"nics.{item['name']}", None, item, "plug"))
    managed = [nic for nic in [*current["nics"], *(live or {}).get("nics", [])] if "bridge" in nic or "network" in nic]
    macs = {nic["mac"] for nic in wanted["nics"]} | kept
    gone = {nic["mac"]: nic for nic in managed if nic["mac"] not in macs}
    return [*(Change(f"nics.{nic['name']}", nic, None, "unplug") for nic in gone.values()), *changes, *plugs]


def moved(now: Object, item: Object) -> Object:
    """A NIC that goes from a bridge to a network leaves the bridge, and the other way round."""
    leaves = {field: None for field in ("bridge", "network") if field in now and field not in item}
    return leaves | item


def limited_to_ports(changes: list[Change], current: Object, live: Object | None) -> list[Change]:
    """What finds no free PCIe port in the running domain waits for a restart; libvirt adds the port then."""
    if live is None or live["facts"]["ports"] is None:
        return changes
    free = live["facts"]["ports"]
    configured = {f"{kind}.{item['name']}" for kind in LIVE_FIELDS for item in current[kind]}
    for change in changes:
        if change.field == "pci_devices" and not change.restart:
            free -= len(set(change.after) - set(live["pci_devices"]))
    found = []
    for change in changes:
        on_port = change.action == "plug" and not change.restart and change.after.get("bus", "virtio") == "virtio"
        if on_port and free <= 0:
            found += [] if change.field in configured else [replace(change, restart=True)]
        else:
            found.append(change)
        free -= on_port
    return found
