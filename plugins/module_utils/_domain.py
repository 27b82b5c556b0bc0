# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A libvirt domain's XML as the options of the module `domain`. Pure.

Private to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from xml.etree import ElementTree as ET

from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size

# User aliases (libvirt >= 3.9) keep our names; they must be unique over all devices of a domain.
DISK_ALIAS = "ua-disk-"
NIC_ALIAS = "ua-nic-"
SEED_ALIAS = "ua-cloud-init"
AGENT_CHANNEL = "org.qemu.guest_agent.0"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
# What each kind of disk source consists of.
SOURCES = ("pool", "image", "file", "device")
# Half of the text: one controller for each PCIe port, one address in the guest (with its type) for each device.
UNREAD = re.compile(r"<controller [^>]*/>|<controller .*?</controller>|<address type=[^>]*/>", re.DOTALL)
# With these models the guest's CPU follows the host, and the running domain's XML shows what came of it.
FOLLOWS_HOST = ("host-model", "host-passthrough", "maximum")


def parse(text: str) -> ET.Element:
    """The XML as a tree, without what no option reads."""
    return ET.fromstring(UNREAD.sub("", text))


def kib(element: ET.Element | None) -> int:
    """The KiB of a size that libvirt printed; it always prints KiB. 0 for no element."""
    return 0 if element is None else int(element.text or 0)


@lru_cache
def size_of(kibibytes: int) -> str:
    """A size in KiB as people write it."""
    return format_size(kibibytes * 1024)


def number(element: ET.Element | None, attribute: str, default: int = 0) -> int:
    """An attribute as a number; `default` without the element or attribute."""
    return default if element is None else int(element.get(attribute, default))


def alias(element: ET.Element) -> str:
    """The device's alias, or an empty string."""
    found = element.find("alias")
    return "" if found is None else found.get("name", "")


def source_of(disk: ET.Element) -> Object:
    """Where the data of a disk or CD-ROM is; empty for kinds that we do not manage."""
    source = disk.find("source")
    if source is None:
        return {}
    kind = disk.get("type")
    if kind == "network" and source.get("protocol") == "rbd":
        pool, _slash, image = source.get("name", "").partition("/")
        found: Object = {"pool": pool, "image": image}
        auth = disk.find(".//auth")
        if auth is not None:
            secret = auth.find("secret")
            found |= {
                "ceph_user": auth.get("username"),
                "ceph_secret_uuid": "" if secret is None else secret.get("uuid", ""),
            }
        return found
    if kind in {"file", "block"}:
        attribute = "file" if kind == "file" else "dev"
        return {"file" if kind == "file" else "device": source.get(attribute, "")}
    return {}


def disk_to_dict(disk: ET.Element) -> Object:
    """A `<disk>` as an item of the option `disks`; without a source where we do not manage its kind."""
    target, driver, tune = disk.find("target"), disk.find("driver"), disk.find("iotune")
    ours = alias(disk)
    settings = {} if driver is None else driver.attrib
    where = {} if target is None else target.attrib
    return {
        "name": ours.removeprefix(DISK_ALIAS) if ours.startswith(DISK_ALIAS) else where.get("dev", ""),
        "target": where.get("dev", ""),
        **source_of(disk),
        "format": settings.get("type", "raw"),
        "bus": where.get("bus", ""),
        "cache": settings.get("cache", "default"),
        "discard": settings.get("discard") == "unmap",
        "iops": 0 if tune is None else int(tune.findtext("total_iops_sec", "0")),
        "bandwidth": format_size(0 if tune is None else int(tune.findtext("total_bytes_sec", "0"))),
        "boot_order": number(disk.find("boot"), "order"),
        "serial": disk.findtext("serial", ""),
        "readonly": disk.find("readonly") is not None,
    }


def nic_to_dict(nic: ET.Element, place: int) -> Object:
    """An `<interface>` as an item of the option `nics`; without bridge or network where we do not manage its kind."""
    ours, source, mac, link = alias(nic), nic.find("source"), nic.find("mac"), nic.find("link")
    kind, model = nic.get("type", ""), nic.find("model")
    found: Object = {"name": ours.removeprefix(NIC_ALIAS) if ours.startswith(NIC_ALIAS) else f"nic{place}"}
    if source is not None and kind in {"bridge", "network"}:
        found[kind] = source.get(kind, "")
    tags = nic.findall("vlan/tag")
    return found | {
        "mac": "" if mac is None else mac.get("address", "").lower(),
        "vlan": number(tags[0], "id") if len(tags) == 1 else 0 if not tags else [number(tag, "id") for tag in tags],
        "mtu": number(nic.find("mtu"), "size"),
        "queues": number(nic.find("driver"), "queues", 1),
        "model": "" if model is None else model.get("type", ""),
        "link": link is None or link.get("state") != "down",
    }


def is_seed(disk: ET.Element) -> bool:
    """Whether it is the disk of the option `cloud_init`."""
    return alias(disk) == SEED_ALIAS


def seed_to_dict(disks: list[ET.Element]) -> Object:
    """The option `cloud_init`; empty without such a disk."""
    return next((source_of(disk) for disk in disks if is_seed(disk)), {})


def is_disk(disk: ET.Element) -> bool:
    """Whether it is a disk, and no CD-ROM, floppy or seed."""
    return disk.get("device", "disk") == "disk" and not is_seed(disk)


def cpu_model(root: ET.Element) -> str:
    """The mode, or the model's name; empty for the hypervisor's default."""
    cpu = root.find("cpu")
    if cpu is None:
        return ""
    mode = cpu.get("mode", "custom")
    return mode if mode != "custom" else (cpu.findtext("model") or "")


def firmware(root: ET.Element) -> str:
    """How the guest boots."""
    system, loader = root.find("os"), root.find("os/loader")
    flash = loader is not None and loader.get("type") == "pflash"
    return "uefi" if flash or (system is not None and system.get("firmware") == "efi") else "bios"


def vnc(devices: dict[str, list[ET.Element]]) -> bool | str:
    """Whether there is VNC on the loopback address; the address it listens on, if that is another."""
    for graphics in devices.get("graphics", []):
        if graphics.get("type") == "vnc":
            listen = graphics.get("listen", LOOPBACK[0])
            return listen in LOOPBACK or listen
    return False


def hostdev_address(device: ET.Element) -> str:
    """The node's address of a device that is passed through; empty for other kinds."""
    place = device.find("source/address")
    if device.get("type") != "pci" or place is None:
        return ""
    domain, bus, slot, function = (int(place.get(part, "0"), 0) for part in ("domain", "bus", "slot", "function"))
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def by_tag(root: ET.Element) -> dict[str, list[ET.Element]]:
    """The devices, by kind, in one pass."""
    found: dict[str, list[ET.Element]] = {}
    for device in root.find("devices") or ():
        found.setdefault(device.tag, []).append(device)
    return found


def to_dict(root: ET.Element) -> Object:
    """A domain's XML as the options of the module, in its spelling; the same for persistent and running domains."""
    devices = by_tag(root)
    disks = devices.get("disk", [])
    vcpu, machine = root.find("vcpu"), root.find("os/type")
    vcpus_max = int("1" if vcpu is None else vcpu.text or "1")
    memory = kib(root.find("memory"))
    channels = [target.get("name") for channel in devices.get("channel", []) for target in channel.findall("target")]
    return {
        "name": root.findtext("name", ""),
        "uuid": root.findtext("uuid", ""),
        "domain_type": root.get("type", ""),
        "title": root.findtext("title", ""),
        "description": root.findtext("description", ""),
        "vcpus": number(vcpu, "current", vcpus_max),
        "vcpus_max": vcpus_max,
        "memory": size_of(kib(root.find("currentMemory")) or memory),
        "memory_max": size_of(kib(root.find("maxMemory")) or memory),
        "cpu_model": cpu_model(root),
        "machine": "" if machine is None else machine.get("machine", ""),
        "firmware": firmware(root),
        "disks": [disk_to_dict(disk) for disk in disks if is_disk(disk)],
        "nics": [nic_to_dict(nic, place) for place, nic in enumerate(devices.get("interface", []))],
        "pci_devices": sorted(address for device in devices.get("hostdev", []) if (address := hostdev_address(device))),
        "cloud_init": seed_to_dict(disks),
        "console_log": any(port.find("log") is not None for port in devices.get("serial", [])),
        "vnc": vnc(devices),
        "guest_agent": AGENT_CHANNEL in channels,
        "watchdog": any(dog.get("model") == "i6300esb" for dog in devices.get("watchdog", [])),
        "rng": "rng" in devices,
    }


def live_facts(root: ET.Element) -> Object:
    """What a running domain can take: total and plugged memory (KiB), vcpus that stay, free PCIe ports, SCSI."""
    slots = root.find("maxMemory")
    plugged = root.findall("devices/memory")
    fixed = [v for v in root.findall("vcpus/vcpu") if v.get("enabled") == "yes" and v.get("hotpluggable") == "no"]
    ports = {c.get("index") for c in root.iterfind("devices/controller") if c.get("model") == "pcie-root-port"}
    used = {int(a.get("bus", "0"), 16) for a in root.iterfind("devices/*/address[@type='pci']")}
    return {
        "total": kib(root.find("memory")),
        "ceiling": kib(slots),
        "slots": number(slots, "slots") - len(plugged),
        "vcpus_fixed": len(fixed),
        "ports": len({int(p) for p in ports if p} - used) if ports else None,
        "scsi": any(c.get("type") == "scsi" for c in root.iterfind("devices/controller")),
    }


def waiting(config: Object, live: Object) -> list[str]:
    """The fields in which a running domain still differs from its configuration."""
    fields = [
        field
        for field, value in config.items()
        if field not in {"disks", "nics", "cpu_model", "restart_required", "restart_fields"}
        and live.get(field, value) != value
    ]
    # A running domain shows the expanded host-model, so only a change between other models can be told.
    model = config["cpu_model"]
    if model not in FOLLOWS_HOST and model and live["cpu_model"] != model:
        fields.append("cpu_model")
    fields += waiting_items("disks", config["disks"], live["disks"], lambda item: item["target"])
    return sorted(fields + waiting_items("nics", config["nics"], live["nics"], lambda item: item["mac"]))


def waiting_items(field: str, config: list[Object], live: list[Object], key: Callable[[Object], str]) -> list[str]:
    """The disks or NICs, or their fields, in which both differ."""
    running = {key(item): item for item in live}
    fields = []
    for item in config:
        other = running.pop(key(item), None)
        if other is None:
            fields.append(f"{field}.{item['name']}")
        else:
            fields += [f"{field}.{item['name']}.{k}" for k, v in item.items() if k != "name" and other.get(k) != v]
    return fields + [f"{field}.{item['name']}" for item in running.values()]
