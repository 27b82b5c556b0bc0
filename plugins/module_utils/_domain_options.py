# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module `domain` in the spelling of a domain's XML: defaults, names, addresses. Pure.

Private to the collection.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_lowercase

from ansible_collections.cairn.hci.plugins.module_utils._domain import SOURCES
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object, ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size, parse_size

bytes_of = lru_cache(parse_size)
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "domain.cairn.hci")
BUS_PREFIX = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd"}
VLAN_ON_BRIDGE = 11_000_000
DEFAULTS: Object = {
    "title": "",
    "description": "",
    "vcpus": 1,
    "memory": "1GiB",
    "machine": "q35",
    "firmware": "bios",
    "disks": [],
    "nics": [],
    "pci_devices": [],
    "cloud_init": {},
    "console_log": True,
    "vnc": False,
    "guest_agent": True,
    "watchdog": False,
    "rng": True,
}
NIC_DEFAULTS: Object = {"vlan": 0, "mtu": 0, "queues": 1, "model": "virtio", "link": True}
SERIAL_LENGTH = 20
PCI_ADDRESS = re.compile(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}:[01][0-9a-f]\.[0-7])")


@dataclass(frozen=True)
class Host:
    """What the node's libvirt can do. `machines` is empty where the driver has no machine types."""

    domain_type: str
    arch: str
    machines: frozenset[str]
    version: int


def new_uuid(name: str) -> str:
    """The UUID of a new domain: the same on whichever node it is defined."""
    return str(uuid.uuid5(NAMESPACE, name))


def derive_mac(domain: str, nic: str) -> str:
    """The MAC address of a new NIC, from the names of domain and NIC, so that it is the same wherever and whenever."""
    digest = hashlib.sha256(f"{domain}/{nic}".encode()).hexdigest()
    return f"52:54:00:{digest[0:2]}:{digest[2:4]}:{digest[4:6]}"


def head_room_vcpus(vcpus: int) -> int:
    """The default ceiling of vcpus: twice as many, at least 4. An empty socket costs the guest some 100 KiB."""
    return max(vcpus, min(max(2 * vcpus, 4), 240))


@lru_cache
def head_room_memory(memory: str) -> str:
    """The default ceiling of memory: four times as much. Nothing is allocated for empty DIMM slots."""
    return format_size(4 * parse_size(memory))


def pci_address(text: str) -> str | None:
    """A PCI address with its domain, in lower case; None for what is none."""
    found = PCI_ADDRESS.fullmatch(text.lower())
    return found and f"{found[1] or '0000'}:{found[2]}"


def given(item: Object) -> Object:
    """The options that were given."""
    return {field: value for field, value in item.items() if value is not None}


@lru_cache
def memory_size(text: str) -> str:
    """A size of memory in whole MiB, as libvirt keeps it. Most domains of a task have one of a few sizes."""
    size = parse_size(text)
    if size % 1024**2:
        raise ResourceError(f"size: {text} is not a whole number of MiB.")
    return format_size(size)


def same_machine(wanted: str, current: str) -> bool:
    """Whether the versioned `current` (pc-q35-10.0) is what `wanted` (q35) once meant."""
    family: str = {"pc": "pc-i440fx"}.get(wanted, wanted)
    return wanted == current or current.startswith((f"{family}-", f"pc-{family}-"))


def free_target(bus: str, taken: set[str]) -> str:
    """The first device name on `bus` that is not taken."""
    letters: list[str] = [*ascii_lowercase, *(a + b for a in ascii_lowercase for b in ascii_lowercase)]
    prefix: str = BUS_PREFIX[bus]
    return next(prefix + letter for letter in letters if prefix + letter not in taken)


def same_source(one: Object, other: Object) -> bool:
    """Whether two disks have the same data."""
    places = [{k: item[k] for k in SOURCES if item.get(k)} for item in (one, other)]
    return places[0] == places[1] != {}


def pair(
    wanted: Iterable[Object], current: list[Object], *rules: Callable[[Object, Object], bool]
) -> list[tuple[Object, Object | None]]:
    """Each wanted item with its current one: by name, then by the first rule that finds one not yet taken."""
    found: dict[str, Object | None] = {}
    left = list(current)
    items = list(wanted)
    for rule in (lambda w, c: w["name"] == c["name"], *rules):
        for item in items:
            if found.get(item["name"]) is None:
                match = next((c for c in left if rule(item, c)), None)
                found[item["name"]] = match
                if match is not None:
                    left.remove(match)
    return [(item, found[item["name"]]) for item in items]


def same_mac(one: Object, other: Object) -> bool:
    """Whether two NICs have the same address."""
    return bool(one.get("mac")) and str(one["mac"]).lower() == other.get("mac")


def foreign_nic(one: Object, other: Object) -> bool:
    """Whether a NIC that another tool made is where the wanted one shall be."""
    place = [(item.get("bridge"), item.get("network")) for item in (one, other)]
    return not one.get("mac") and place[0] == place[1] and re.fullmatch(r"nic\d+", other["name"]) is not None


def pair_disks(wanted: Iterable[Object], current: list[Object]) -> list[tuple[Object, Object | None]]:
    """Each wanted disk with the one that the domain has. A renamed disk is known by its data."""
    return pair(wanted, current, same_source)


def pair_nics(wanted: Iterable[Object], current: list[Object]) -> list[tuple[Object, Object | None]]:
    """Each wanted NIC with the one that the domain has. A renamed NIC is known by its address."""
    return pair(wanted, current, same_mac, foreign_nic)


class Normaliser:
    """The options of one domain as :func:`_domain.to_dict` spells them, complete for a new domain."""

    def __init__(self, wanted: Object, current: Object | None, host: Host | None, common: Object) -> None:
        """`host` is None in check mode on a node without libvirt; `common` are the module's options."""
        self.wanted = given(wanted)
        self.current = current
        self.host = host
        self.common = common
        self.name: str = wanted["name"]

    def options(self) -> Object:
        """Return the normal form. Raise ResourceError for what can't be right."""
        wanted = self.wanted
        self.check_name(self.name, "name")
        if self.current is None:
            host = self.host
            model = (
                {}
                if host is None
                else {"kvm": {"cpu_model": "host-model"}, "qemu": {"cpu_model": "maximum"}}.get(host.domain_type, {})
            )
            wanted = {"uuid": new_uuid(self.name)} | DEFAULTS | model | wanted
        elif self.common.get("domain_type", "auto") != "auto":
            wanted = wanted | {"domain_type": self.common["domain_type"]}
        wanted = wanted | self.identity(wanted) | self.sizes(wanted) | self.machine(wanted)
        if "disks" in wanted or wanted.get("cloud_init"):
            wanted |= self.storage(wanted)
        if "nics" in wanted:
            wanted |= {"nics": self.nics(wanted["nics"])}
        if "pci_devices" in wanted:
            wanted |= {"pci_devices": self.pci_devices(wanted["pci_devices"])}
        return wanted

    def fail(self, text: str) -> ResourceError:
        """An error that names the domain."""
        return ResourceError(f"domain {self.name}: {text}")

    def check_name(self, name: str, what: str) -> None:
        """Raise ResourceError for a name that libvirt would refuse."""
        pattern = r"[^/\s][^/\n]*" if what == "name" else r"[A-Za-z0-9_-]+"
        if not re.fullmatch(pattern, name):
            raise self.fail(f"{what} {name!r} can't be a name here; use letters, digits, '-' and '_'.")

    def identity(self, wanted: Object) -> Object:
        """The UUID, which never changes."""
        if "uuid" not in wanted:
            return {}
        try:
            text = str(uuid.UUID(wanted["uuid"]))
        except ValueError:
            raise self.fail(f"uuid {wanted['uuid']!r} is not a UUID.") from None
        if self.current is not None and self.current["uuid"] != text:
            raise self.fail(f"its UUID is {self.current['uuid']} and can't become {text}; leave the option uuid out.")
        return {"uuid": text}

    def sizes(self, wanted: Object) -> Object:
        """Memory and vcpus, with head-room where none was given."""
        now = self.current or {}
        found: Object = {}
        for field in ("memory", "memory_max"):
            if field in wanted:
                try:
                    found[field] = memory_size(wanted[field])
                except ResourceError as error:
                    raise self.fail(f"{field}{str(error).removeprefix('size')}") from error
        if "vcpus" in wanted and wanted["vcpus"] < 1:
            raise self.fail(f"vcpus is {wanted['vcpus']}; a domain has at least 1.")
        vcpus: int = wanted["vcpus"] if "vcpus" in wanted else now["vcpus"]
        memory: str = found["memory"] if "memory" in found else now["memory"]
        if "vcpus_max" not in wanted and vcpus > now.get("vcpus_max", 0):
            found["vcpus_max"] = head_room_vcpus(vcpus)
        # A domain whose maximum is its memory has no slots (another tool made it): both are raised together.
        if "memory_max" not in found and (not now or self.beyond(memory, now)):
            found["memory_max"] = head_room_memory(memory)
        least: int | str
        for field, least in (("vcpus_max", vcpus), ("memory_max", memory)):
            ceiling = found.get(field, wanted.get(field))
            if ceiling is not None and self.less(ceiling, least):
                raise self.fail(f"{field} is {ceiling}, less than the {least} that it shall have.")
        return found

    @staticmethod
    def less(one: int | str, other: int | str) -> bool:
        """Compare numbers, or sizes."""
        return one < other if isinstance(one, int) and isinstance(other, int) else bytes_of(one) < bytes_of(other)

    @staticmethod
    def beyond(memory: str, now: Object) -> bool:
        """Whether `memory` is more than the slots of the domain hold."""
        return now["memory_max"] != now["memory"] and bytes_of(memory) > bytes_of(now["memory_max"])

    def machine(self, wanted: Object) -> Object:
        """The machine type; the version that a domain has is kept."""
        machine = wanted.get("machine")
        if machine is None:
            return {}
        if self.current is not None and same_machine(machine, self.current["machine"]):
            return {"machine": self.current["machine"]}
        if self.host is not None and not self.host.machines:
            return {"machine": None} if self.current is None else {"machine": self.current["machine"]}
        if self.host is not None and machine not in self.host.machines:
            raise self.fail(f"machine {machine!r} is not known here; 'virsh capabilities' lists what is.")
        return {}

    def storage(self, wanted: Object) -> Object:
        """Disks and the cloud-init seed."""
        found: Object = {}
        if wanted.get("cloud_init"):
            found["cloud_init"] = self.source(given(wanted["cloud_init"]), "cloud_init")
        if "disks" in wanted:
            found["disks"] = self.disks([given(item) for item in wanted["disks"]])
        return found

    def source(self, item: Object, what: str) -> Object:
        """Where the data is: an image with its pool, a file or a block device."""
        kinds = [kind for kind in ("image", "file", "device") if item.get(kind)]
        if not kinds and what == "cloud_init":
            return {}
        if len(kinds) != 1 or (kinds == ["image"]) != ("pool" in item):
            raise self.fail(f"{what} needs either pool and image, or file, or device.")
        found = {kind: item[kind] for kind in SOURCES if item.get(kind)}
        if "image" in found and self.common.get("ceph_secret_uuid"):
            found |= {
                "ceph_user": self.common["ceph_user"],
                "ceph_secret_uuid": self.common["ceph_secret_uuid"].lower(),
            }
        return found

    def disks(self, items: list[Object]) -> list[Object]:
        """The disks; the first of a new domain is booted from, unless the options say otherwise."""
        self.once([item["name"] for item in items], "disk")
        current = [] if self.current is None else self.current["disks"]
        found = [self.disk(item, new=now is None) for item, now in pair_disks(items, current)]
        if self.current is None and found and not any(disk.get("boot_order") for disk in found):
            found[0]["boot_order"] = 1
        return found

    def disk(self, item: Object, *, new: bool) -> Object:
        """One disk."""
        what = f"disk {item['name']}"
        self.check_name(item["name"], "disk")
        source = self.source(item, what)
        kind = next(k for k in ("image", "file", "device") if k in source)
        if new:
            fresh = {
                "bus": "virtio",
                "format": "qcow2" if source.get("file", "").endswith(".qcow2") else "raw",
                "cache": {"image": "writeback", "device": "none"}.get(kind, "default"),
                "discard": True,
                "iops": 0,
                "bandwidth": "0B",
                "boot_order": 0,
                "serial": item["name"][:SERIAL_LENGTH],
                "readonly": False,
            }
            item = fresh | item
        found = {k: v for k, v in item.items() if k not in SOURCES} | source
        for field in ("size", "bandwidth"):
            if field in found:
                text = str(found[field])
                found[field] = (
                    "0B"
                    if field == "bandwidth" and text in {"0", "0B"}
                    else format_size(parse_size(text, f"domain {self.name}: {what}: {field}"))
                )
        return found

    def once(self, names: list[str], what: str) -> None:
        """Raise ResourceError for a name that is given twice."""
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise self.fail(f"{what} {twice} is given twice; names are unique within a domain.")

    def nics(self, items: list[Object]) -> list[Object]:
        """The NICs, each with its address: the given, else the present, else the derived one."""
        self.once([item["name"] for item in items], "nic")
        current = [] if self.current is None else self.current["nics"]
        found = []
        for item, now in pair_nics([given(item) for item in items], current):
            nic = (NIC_DEFAULTS if now is None else {}) | item
            self.check_name(nic["name"], "nic")
            if ("bridge" in nic) == ("network" in nic):
                raise self.fail(f"nic {nic['name']} needs either a bridge or a network.")
            mac = str(nic.get("mac") or (now or {}).get("mac") or derive_mac(self.name, nic["name"])).lower()
            if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", mac) or int(mac[1], 16) % 2:
                raise self.fail(f"nic {nic['name']}: {mac} is not the MAC address of a single card.")
            self.check_vlan(nic)
            found.append(nic | {"mac": mac})
        self.once([nic["mac"] for nic in found], "MAC address")
        return found

    def pci_devices(self, addresses: list[str]) -> list[str]:
        """The addresses of the devices that are passed through, in order."""
        wrong = next((text for text in addresses if pci_address(text) is None), None)
        if wrong is not None:
            raise self.fail(f"pci_devices: {wrong!r} is not the address of a PCI device, such as 0000:03:00.0.")
        found = sorted(str(pci_address(text)) for text in addresses)
        self.once(found, "PCI device")
        return found

    def check_vlan(self, nic: Object) -> None:
        """Raise ResourceError for a VLAN that can't be, or that this libvirt can't do."""
        vlan = nic.get("vlan", 0)
        if not 0 <= vlan <= 4094:
            raise self.fail(f"nic {nic['name']}: VLAN {vlan} does not exist; use 1 to 4094, or 0 for none.")
        if vlan and "bridge" in nic and self.host is not None and self.host.version < VLAN_ON_BRIDGE:
            release = f"{self.host.version // 1_000_000}.{self.host.version // 1000 % 1000}"
            raise self.fail(
                f"nic {nic['name']}: VLANs on a Linux bridge need libvirt 11.0 (Debian 13), this node has {release}; "
                "use a bridge of its own for the VLAN."
            )
