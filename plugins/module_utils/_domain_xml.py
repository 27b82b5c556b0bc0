# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edit a domain's XML so that it says what the options say; all that has no option stays as it is. Pure.

Every function leaves alone what is not in its options, and changes nothing when it is so already.

Private to the collection.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

from ansible_collections.cairn.hci.plugins.module_utils._domain import (
    AGENT_CHANNEL,
    DISK_ALIAS,
    FOLLOWS_HOST,
    NIC_ALIAS,
    SEED_ALIAS,
    disk_to_dict,
    hostdev_address,
    is_disk,
    is_seed,
    kib,
    nic_to_dict,
    number,
    size_of,
    source_of,
)
from ansible_collections.cairn.hci.plugins.module_utils._domain_options import (
    BUS_PREFIX,
    Host,
    free_target,
    pair_disks,
    pair_nics,
)
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._units import parse_size

# A DIMM per live growth; QEMU has up to 256 slots.
DIMM_SLOTS = 16
# Free PCIe ports of a new q35 domain: every hot-plugged disk or NIC takes one, and ports can't be added live.
SPARE_PORTS = 12
CONSOLE_LOG = "/var/log/libvirt/qemu/{name}-console.log"
CLOCK = (
    "<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/><timer name='pit' tickpolicy='delay'/>"
    "<timer name='hpet' present='no'/></clock>"
)


def child(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    """The child of that name, made when it is not there, with these attributes."""
    found = parent.find(tag)
    if found is None:
        found = ET.SubElement(parent, tag)
    found.attrib.update(attributes)
    return found


def drop(parent: ET.Element, *tags: str) -> None:
    """Remove all children of these names."""
    for found in [element for element in parent if element.tag in tags]:
        parent.remove(found)


def put_text(parent: ET.Element, tag: str, value: object) -> None:
    """Set the child's text; an empty value or 0 removes it."""
    if value:
        child(parent, tag).text = str(value)
    else:
        drop(parent, tag)


def put_attribute(parent: ET.Element, tag: str, attribute: str, value: object) -> None:
    """Set an attribute of the child; an empty value or 0 removes it, and the child when nothing is left of it."""
    if value:
        child(parent, tag, **{attribute: str(value)})
        return
    found = parent.find(tag)
    if found is not None:
        found.attrib.pop(attribute, None)
        if not found.attrib and not len(found):
            parent.remove(found)


def put_flag(parent: ET.Element, tag: str, present: bool) -> None:
    """An empty child that is there or not."""
    if not present:
        drop(parent, tag)
    elif parent.find(tag) is None:
        ET.SubElement(parent, tag)


def devices_of(root: ET.Element) -> ET.Element:
    """The `<devices>`."""
    return child(root, "devices")


def edit(root: ET.Element, wanted: Object) -> None:
    """Make the tree say what `wanted` (normalised) says."""
    for field, value in wanted.items():
        if value is not None and field in SETTERS:
            SETTERS[field](root, value)
    if {"memory", "memory_max", "vcpus_max"} & wanted.keys():
        set_memory(root, wanted.get("memory"), wanted.get("memory_max"))


def build(wanted: Object, host: Host) -> ET.Element:
    """The XML of a new domain."""
    root = ET.Element("domain", {"type": host.domain_type})
    for tag in ("name", "uuid"):
        ET.SubElement(root, tag).text = wanted[tag]
    ET.SubElement(root, "vcpu", {"placement": "static"}).text = "1"
    kind = ET.SubElement(ET.SubElement(root, "os"), "type", {"arch": host.arch})
    kind.text = "hvm"
    root.append(ET.fromstring("<features><acpi/><apic/></features>"))
    root.append(ET.fromstring(CLOCK))
    devices = devices_of(root)
    ET.SubElement(devices, "memballoon", {"model": "virtio"})
    edit(root, wanted)
    if "q35" in (kind.get("machine") or ""):
        for index in range(SPARE_PORTS + sum(len(wanted[kind]) for kind in ("disks", "nics", "pci_devices"))):
            model = "pcie-root-port" if index else "pcie-root"
            ET.SubElement(devices, "controller", {"type": "pci", "index": str(index), "model": model})
    return root


def set_vcpus(root: ET.Element, value: int) -> None:
    """The vcpus that are online at boot. The list of single vcpus no longer fits then."""
    vcpu = child(root, "vcpu")
    maximum = int(vcpu.text or 1)
    if number(vcpu, "current", maximum) != value:
        drop(root, "vcpus")
        vcpu.set("current", str(value))
        vcpu.text = str(max(maximum, value))


def set_vcpus_max(root: ET.Element, value: int) -> None:
    """The ceiling, and a topology that multiplies to it."""
    vcpu = child(root, "vcpu")
    if int(vcpu.text or 1) == value:
        return
    drop(root, "vcpus")
    vcpu.set("current", vcpu.get("current", vcpu.text or "1"))
    vcpu.text = str(value)
    topology = root.find("cpu/topology")
    if topology is not None:
        socket = int(vcpu.text)
        for level in ("dies", "clusters", "cores", "threads"):
            socket, rest = divmod(socket, int(topology.get(level, "1")))
            if rest:
                raise ResourceError(
                    f"domain {root.findtext('name')}: vcpus_max {value} does not fit the CPU topology in its XML; "
                    "choose a multiple of its cores and threads."
                )
        topology.set("sockets", str(socket))


def set_memory(root: ET.Element, memory: str | None, ceiling: str | None) -> None:
    """Memory at boot and DIMM slots up to the ceiling.

    QEMU plugs DIMMs only into a guest with a NUMA node (libvirt, formatdomain: maxMemory), so it gets one.
    """
    total, now, most = (kib(root.find(tag)) for tag in ("memory", "currentMemory", "maxMemory"))
    now = now or total
    size = now if memory is None else parse_size(memory) // 1024
    limit = most if ceiling is None else parse_size(ceiling) // 1024
    ballooned = not limit and now < total and size <= total
    for tag, value in (("memory", total if ballooned else size), ("currentMemory", size)):
        child(root, tag, unit="KiB").text = str(value)
    if limit > size:
        child(
            root, "maxMemory", slots=str(number(root.find("maxMemory"), "slots") or DIMM_SLOTS), unit="KiB"
        ).text = str(limit)
    else:
        drop(root, "maxMemory")
    set_numa(root, total if ballooned else size, needed=limit > size)


def set_numa(root: ET.Element, size: int, *, needed: bool) -> None:
    """The guest's single NUMA node of `size` KiB (with the DIMMs that the XML may have) and all its vcpus."""
    cells = root.findall("cpu/numa/cell")
    if not cells and not needed:
        return
    plugged = sum(kib(dimm) for dimm in root.findall("devices/memory/target/size"))
    if len(cells) > 1:
        if sum(kib_of_cell(cell) for cell in cells) + plugged != size:
            raise ResourceError(
                f"domain {root.findtext('name')}: it has {len(cells)} NUMA nodes, which have no option here; "
                "change its memory with 'virsh edit'."
            )
        return
    if size <= plugged:
        raise ResourceError(f"domain {root.findtext('name')}: {size_of(plugged)} of its memory are DIMMs in its XML.")
    cell = cells[0] if cells else ET.SubElement(child(child(root, "cpu"), "numa"), "cell", {"id": "0"})
    last = int(child(root, "vcpu").text or 1) - 1
    cell.attrib.update({"cpus": f"0-{last}" if last else "0", "memory": str(size - plugged), "unit": "KiB"})


def kib_of_cell(cell: ET.Element) -> int:
    """The memory of a guest NUMA node."""
    return int(cell.get("memory", "0"))


def set_cpu_model(root: ET.Element, value: str) -> None:
    """Mode or model; features, topology and NUMA nodes are kept."""
    cpu = child(root, "cpu")
    mode = value if value in FOLLOWS_HOST else "custom"
    if cpu.get("mode", "custom") == mode and (mode != "custom" or cpu.findtext("model") == value):
        return
    for attribute in ("check", "match", "migratable"):
        cpu.attrib.pop(attribute, None)
    drop(cpu, "model", "vendor")
    cpu.set("mode", mode)
    if mode == "custom":
        cpu.set("match", "exact")
        child(cpu, "model").text = value


def set_machine(root: ET.Element, value: str) -> None:
    """The machine type."""
    child(child(root, "os"), "type").set("machine", value)


def set_firmware(root: ET.Element, value: str) -> None:
    """UEFI by libvirt's own selection, without Secure Boot, or the machine's BIOS."""
    system = child(root, "os")
    loader = system.find("loader")
    now = (
        "uefi" if system.get("firmware") == "efi" or (loader is not None and loader.get("type") == "pflash") else "bios"
    )
    if now == value:
        return
    drop(system, "loader", "nvram", "firmware")
    system.attrib.pop("firmware", None)
    if value == "uefi":
        system.set("firmware", "efi")
        ET.SubElement(ET.SubElement(system, "firmware"), "feature", {"enabled": "no", "name": "secure-boot"})


def put_source(disk: ET.Element, source: Object) -> None:
    """Where the data is."""
    if {k: v for k, v in source_of(disk).items() if k in source} == source:
        return
    drop(disk, "source", "auth", "backingStore")
    if "image" in source:
        disk.set("type", "network")
        child(disk, "source", protocol="rbd", name=f"{source['pool']}/{source['image']}")
        if source.get("ceph_secret_uuid"):
            auth = child(disk, "auth", username=source["ceph_user"])
            child(auth, "secret", type="ceph", uuid=source["ceph_secret_uuid"])
        return
    kind, attribute = ("file", "file") if "file" in source else ("block", "dev")
    disk.set("type", kind)
    child(disk, "source", **{attribute: source.get("file") or source["device"]})


def new_disk(devices: ET.Element) -> ET.Element:
    """A disk that has nothing yet. On an I/O error the guest stands still, and goes on when it is resumed."""
    disk = ET.SubElement(devices, "disk", {"device": "disk"})
    child(disk, "driver", error_policy="stop")
    return disk


def put_disk(disk: ET.Element, item: Object) -> None:
    """Make a `<disk>` say what an item of `disks` says."""
    child(disk, "alias", name=DISK_ALIAS + item["name"])
    put_source(
        disk,
        {k: v for k, v in item.items() if k in {"pool", "image", "file", "device", "ceph_user", "ceph_secret_uuid"}},
    )
    child(disk, "driver", name="qemu", type=item.get("format", format_of(disk)))
    put_limits(disk, item)
    if "cache" in item:
        put_attribute(disk, "driver", "cache", item["cache"] if item["cache"] != "default" else "")
    if "discard" in item:
        put_attribute(disk, "driver", "discard", "unmap" if item["discard"] else "")
    if "boot_order" in item:
        put_attribute(disk, "boot", "order", item["boot_order"])
    if "serial" in item:
        put_text(disk, "serial", item["serial"])
    if "readonly" in item:
        put_flag(disk, "readonly", item["readonly"])


def format_of(disk: ET.Element) -> str:
    """The format of the data that the disk has now."""
    driver = disk.find("driver")
    return "raw" if driver is None else driver.get("type", "raw")


def put_limits(disk: ET.Element, item: Object) -> None:
    """The io limits; libvirt wants no empty element."""
    for field, tag in (("iops", "total_iops_sec"), ("bandwidth", "total_bytes_sec")):
        if field in item:
            put_text(child(disk, "iotune"), tag, rate(item[field]))
    tune = disk.find("iotune")
    if tune is not None and not len(tune):
        disk.remove(tune)


def put_target(devices: ET.Element, disk: ET.Element, bus: str | None) -> None:
    """The bus, and a name on it that no other disk or CD-ROM has; a disk that stays on its bus keeps its name."""
    target = child(disk, "target")
    if bus is None or target.get("bus") == bus:
        return
    target.set("bus", bus)
    drop(disk, "address")
    if not target.get("dev", "").startswith(BUS_PREFIX[bus]):
        target.set("dev", free_target(bus, {other.get("dev", "") for other in devices.findall("disk/target")}))


def rate(value: int | str) -> int:
    """A limit per second: a number, or bytes. 0 is no limit."""
    return value if isinstance(value, int) else 0 if value == "0B" else parse_size(value)


def set_disks(root: ET.Element, disks: list[Object]) -> None:
    """Exactly these disks, beside CD-ROMs and disks of kinds that we do not manage."""
    devices = devices_of(root)
    now = [(disk_to_dict(disk), disk) for disk in devices.findall("disk") if is_disk(disk)]
    managed = {
        id(item): (item, element) for item, element in now if any(item.get(k) for k in ("image", "file", "device"))
    }
    for item, match in pair_disks(disks, [item for item, _element in managed.values()]):
        disk = managed.pop(id(match))[1] if match is not None else new_disk(devices)
        put_target(devices, disk, item.get("bus"))
        put_disk(disk, item)
    for _item, element in managed.values():
        devices.remove(element)
    if any(item.get("boot_order") for item in disks):
        drop(child(root, "os"), "boot")
    wants_scsi = any(item.get("bus") == "scsi" for item in disks)
    if wants_scsi and devices.find("controller[@type='scsi']") is None:
        devices.append(scsi_controller())


def scsi_controller() -> ET.Element:
    """Libvirt's own default is an old LSI controller."""
    return ET.Element("controller", {"type": "scsi", "index": "0", "model": "virtio-scsi"})


def put_place(nic: ET.Element, item: Object) -> None:
    """Where an `<interface>` is plugged in, and whether the cable is."""
    kind = "bridge" if "bridge" in item else "network"
    source = nic.find("source")
    if nic.get("type") != kind or source is None or source.get(kind) != item[kind]:
        drop(nic, "source", "target")
        nic.set("type", kind)
        child(nic, "source", **{kind: item[kind]})
    if "link" in item:
        put_attribute(nic, "link", "state", "" if item["link"] else "down")
    if "vlan" in item:
        drop(nic, "vlan")
        if item["vlan"]:
            child(child(nic, "vlan"), "tag", id=str(item["vlan"]))


def put_nic(nic: ET.Element, item: Object) -> None:
    """Make an `<interface>` say what an item of `nics` says."""
    child(nic, "alias", name=NIC_ALIAS + item["name"])
    child(nic, "mac", address=item["mac"])
    put_place(nic, item)
    if "mtu" in item:
        put_attribute(nic, "mtu", "size", item["mtu"])
    if "model" in item:
        child(nic, "model", type=item["model"])
    if "queues" in item:
        put_attribute(nic, "driver", "queues", item["queues"] if item["queues"] > 1 else "")


def set_nics(root: ET.Element, nics: list[Object]) -> None:
    """Exactly these NICs, beside those of kinds that we do not manage."""
    devices = devices_of(root)
    now = [(nic_to_dict(nic, place), nic) for place, nic in enumerate(devices.findall("interface"))]
    managed = {id(item): (item, element) for item, element in now if "bridge" in item or "network" in item}
    for item, match in pair_nics(nics, [item for item, _element in managed.values()]):
        put_nic(managed.pop(id(match))[1] if match is not None else ET.SubElement(devices, "interface"), item)
    for _item, element in managed.values():
        devices.remove(element)


def set_cloud_init(root: ET.Element, source: Object) -> None:
    """The disk with the seed; an empty option removes it.

    It is a virtio disk, like the root disk: a guest that boots finds both at once, but a CD-ROM only after its drivers
    are loaded, for which cloud-init does not wait.
    """
    devices = devices_of(root)
    disk = next((disk for disk in devices.findall("disk") if is_seed(disk)), None)
    if not source:
        if disk is not None:
            devices.remove(disk)
        return
    if disk is None:
        disk = ET.SubElement(devices, "disk", {"device": "disk"})
        child(disk, "driver", name="qemu", type="raw")
        put_target(devices, disk, "virtio")
        child(disk, "alias", name=SEED_ALIAS)
        ET.SubElement(disk, "readonly")
    put_source(disk, source)


def set_pci_devices(root: ET.Element, value: list[str]) -> None:
    """Devices of the node; who binds them to vfio-pci, and keeps them there, is not libvirt."""
    devices = devices_of(root)
    there = {address: device for device in devices.findall("hostdev") if (address := hostdev_address(device))}
    for address in there.keys() - set(value):
        devices.remove(there[address])
    for address in [one for one in value if one not in there]:
        device = ET.SubElement(devices, "hostdev", {"mode": "subsystem", "type": "pci", "managed": "no"})
        domain, bus, slot, function = re.split("[:.]", address)
        place = {"domain": f"0x{domain}", "bus": f"0x{bus}", "slot": f"0x{slot}", "function": f"0x{function}"}
        ET.SubElement(ET.SubElement(device, "source"), "address", place)


def set_console_log(root: ET.Element, value: bool) -> None:
    """A serial port that virsh console opens; what it prints is also logged, by virtlogd, which rotates the file."""
    devices = devices_of(root)
    for tag, attributes in (("serial", {}), ("console", {"type": "serial"})):
        port = devices.find(tag)
        if port is None:
            port = ET.SubElement(devices, tag, {"type": "pty"})
            child(port, "target", port="0", **attributes)
        if not value:
            drop(port, "log")
        elif port.find("log") is None:
            child(port, "log", file=CONSOLE_LOG.format(name=root.findtext("name")), append="on")


def set_vnc(root: ET.Element, value: bool) -> None:
    """A screen on the node's loopback address, or none."""
    devices = devices_of(root)
    screens = [graphics for graphics in devices.findall("graphics") if graphics.get("type") == "vnc"]
    for screen in screens[1:] if value else screens:
        devices.remove(screen)
    if value:
        screen = screens[0] if screens else ET.SubElement(devices, "graphics", {"type": "vnc", "autoport": "yes"})
        drop(screen, "listen")
        screen.set("listen", "127.0.0.1")
        if devices.find("video") is None:
            ET.SubElement(ET.SubElement(devices, "video"), "model", {"type": "virtio"})
    elif devices.find("graphics") is None:
        drop(devices, "video")


def set_guest_agent(root: ET.Element, value: bool) -> None:
    """The channel of the QEMU guest agent."""
    devices = devices_of(root)
    channels = [c for c in devices.findall("channel") if c.find(f"target[@name='{AGENT_CHANNEL}']") is not None]
    if value and not channels:
        child(ET.SubElement(devices, "channel", {"type": "unix"}), "target", type="virtio", name=AGENT_CHANNEL)
    for channel in [] if value else channels:
        devices.remove(channel)


def set_watchdog(root: ET.Element, value: bool) -> None:
    """A card that resets a guest which stops feeding it."""
    devices = devices_of(root)
    dogs = [dog for dog in devices.findall("watchdog") if dog.get("model") == "i6300esb"]
    if value and not dogs:
        ET.SubElement(devices, "watchdog", {"model": "i6300esb", "action": "reset"})
    for dog in [] if value else dogs:
        devices.remove(dog)


def set_rng(root: ET.Element, value: bool) -> None:
    """The host's random numbers."""
    devices = devices_of(root)
    if value and devices.find("rng") is None:
        rng = ET.SubElement(devices, "rng", {"model": "virtio"})
        child(rng, "backend", model="random").text = "/dev/urandom"
    elif not value:
        drop(devices, "rng")


def setter(tag: str) -> Any:
    """A setter for the text of an element below `<domain>`."""
    return lambda root, value: put_text(root, tag, value)


SETTERS: dict[str, Any] = {
    "title": setter("title"),
    "description": setter("description"),
    "domain_type": lambda root, value: root.set("type", value),
    "vcpus_max": set_vcpus_max,
    "vcpus": set_vcpus,
    "cpu_model": set_cpu_model,
    "machine": set_machine,
    "firmware": set_firmware,
    "disks": set_disks,
    "nics": set_nics,
    "cloud_init": set_cloud_init,
    "pci_devices": set_pci_devices,
    "console_log": set_console_log,
    "vnc": set_vnc,
    "guest_agent": set_guest_agent,
    "watchdog": set_watchdog,
    "rng": set_rng,
}
