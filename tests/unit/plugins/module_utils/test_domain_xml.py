"""A domain's XML: read, built, edited."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._domain import live_facts, parse, to_dict, waiting
from ansible_collections.cairn.hci.plugins.module_utils._domain_options import Host, Normaliser
from ansible_collections.cairn.hci.plugins.module_utils._domain_xml import build, edit
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError

HOST = Host("kvm", "x86_64", frozenset({"q35"}), 11_003_000)
COMMON = {"ceph_user": "libvirt", "ceph_secret_uuid": "8c3a7e6e-6a5c-4b3c-9a37-0f6a1e0d5a12", "domain_type": "auto"}
EVERYTHING: dict[str, Any] = {
    "name": "web1",
    "uuid": "8c3a7e6e-6a5c-4b3c-9a37-0f6a1e0d5a11",
    "title": "front",
    "description": "a web server",
    "vcpus": 2,
    "vcpus_max": 6,
    "memory": "2GiB",
    "memory_max": "6GiB",
    "cpu_model": "EPYC",
    "machine": "q35",
    "firmware": "uefi",
    "disks": [
        {"name": "root", "pool": "vms", "image": "web1.root", "iops": 500, "bandwidth": "100MiB"},
        {"name": "data", "device": "/dev/sdx", "bus": "scsi", "readonly": True, "boot_order": 2},
        {"name": "file", "file": "/var/x.qcow2", "cache": "unsafe", "discard": False, "serial": "S1"},
    ],
    "nics": [
        {"name": "lan", "bridge": "lan", "vlan": 5, "mtu": 9000, "queues": 4},
        {"name": "net", "network": "default", "mac": "52:54:00:00:00:0A", "model": "e1000e", "link": False},
    ],
    "pci_devices": ["0000:03:00.0", "0000:04:00.1"],
    "cloud_init": {"pool": "vms", "image": "web1.seed"},
    "console_log": True,
    "vnc": True,
    "guest_agent": True,
    "watchdog": True,
    "rng": True,
}
# What other tools write, and what has no option.
FOREIGN = """
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>old</name><uuid>8c3a7e6e-6a5c-4b3c-9a37-0f6a1e0d5a13</uuid>
  <metadata><app:x xmlns:app='urn:app'>kept</app:x></metadata>
  <memory unit='KiB'>4194304</memory><currentMemory unit='KiB'>2097152</currentMemory>
  <vcpu placement='static'>4</vcpu><cputune><shares>2048</shares></cputune>
  <os><type arch='x86_64' machine='pc-i440fx-9.0'>hvm</type><boot dev='hd'/></os>
  <cpu mode='custom' match='exact'><model fallback='forbid'>Nehalem</model>
    <topology sockets='1' dies='1' cores='2' threads='2'/><feature policy='require' name='aes'/></cpu>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw' io='native'/><source file='/old.img'/>
      <target dev='vda' bus='virtio'/><address type='pci' domain='0' bus='0' slot='5' function='0'/></disk>
    <disk type='volume' device='disk'><source pool='p' volume='v'/><target dev='vdb' bus='virtio'/></disk>
    <disk type='file' device='cdrom'><target dev='hda' bus='ide'/><readonly/></disk>
    <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><model type='virtio'/>
      <filterref filter='clean-traffic'/></interface>
    <interface type='direct'><mac address='52:54:00:00:00:02'/><source dev='eno1' mode='bridge'/></interface>
    <graphics type='vnc' port='-1' listen='0.0.0.0' passwd='hush'><listen type='address' address='0.0.0.0'/></graphics>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
    <hostdev mode='subsystem' type='pci'/>
  </devices>
  <qemu:commandline><qemu:arg value='-foo'/></qemu:commandline>
</domain>
"""


def new(**options: Any) -> ET.Element:
    """The XML of a new domain."""
    return build(Normaliser({"name": "web1", **options}, None, HOST, COMMON).options(), HOST)


def change(root: ET.Element, **options: Any) -> dict[str, Any]:
    """Edit a domain, and return what it is then."""
    edit(root, Normaliser({"name": root.findtext("name"), **options}, to_dict(root), HOST, COMMON).options())
    return to_dict(root)


def test_what_is_built_reads_back() -> None:
    wanted = Normaliser(EVERYTHING, None, HOST, COMMON).options()
    found = to_dict(build(wanted, HOST))
    assert [disk.pop("target") for disk in found["disks"]] == ["vda", "sda", "vdb"]
    assert {key: found[key] for key in wanted} == wanted


def test_an_edit_without_a_change_changes_nothing() -> None:
    for options in (EVERYTHING, {"name": "web1"}):
        root = new(**{key: value for key, value in options.items() if key != "name"})
        before = to_dict(root), ET.tostring(root)
        assert change(root, **{key: value for key, value in options.items() if key != "name"}) == before[0]
        assert len(ET.tostring(root)) == len(before[1])


def test_rbd_disks_name_no_monitor() -> None:
    disk = new(disks=[{"name": "root", "pool": "vms", "image": "web1.root"}]).find("devices/disk")
    assert disk is not None
    source, secret = disk.find("source"), disk.find("auth/secret")
    assert source is not None
    assert secret is not None
    assert source.attrib == {"protocol": "rbd", "name": "vms/web1.root"}
    assert len(source) == 0
    assert disk.find("driver[@error_policy='stop']") is not None
    assert secret.attrib == {"type": "ceph", "uuid": COMMON["ceph_secret_uuid"]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("title", "x"),
            ("description", ""),
            ("vcpus", 3),
            ("vcpus_max", 12),
            ("memory", "3GiB"),
            ("memory_max", "9GiB"),
        ),
        *(
            ("cpu_model", "host-model"),
            ("cpu_model", "Nehalem"),
            ("firmware", "bios"),
            ("machine", "q35"),
            ("vnc", False),
        ),
        *(("console_log", False), ("guest_agent", False), ("watchdog", False), ("rng", False), ("cloud_init", {})),
        *(("disks", []), ("nics", []), ("pci_devices", ["0000:04:00.1"]), ("cloud_init", {"file": "/x.iso"})),
    ],
)
def test_one_option_changes_one_thing(field: str, value: Any) -> None:
    root = new(**{key: item for key, item in EVERYTHING.items() if key != "name"})
    before = to_dict(root)
    assert change(root, **{field: value}) == before | {field: value}
    assert change(root, **{field: before[field]})[field] == before[field]


def test_what_has_no_option_survives() -> None:
    root = ET.fromstring(FOREIGN)
    change(
        root,
        title="adopted",
        vcpus=2,
        vcpus_max=8,
        memory="3GiB",
        cpu_model="host-model",
        disks=[{"name": "root", "file": "/old.img", "iops": 5, "boot_order": 1}],
        nics=[{"name": "lan", "bridge": "br0", "vlan": 3}],
        rng=True,
        console_log=True,
    )
    text = ET.tostring(root, "unicode")
    for kept in (
        "urn:app",
        "kept",
        "shares",
        "-foo",
        "clean-traffic",
        "tpm-crb",
        "hostdev",
        "native",
        "volume",
        "cdrom",
    ):
        assert kept in text, kept
    for kept in ("aes", "eno1", 'slot="5"', 'passwd="hush"'):
        assert kept in text, kept
    assert root.find("os/boot") is None
    topology = root.find("cpu/topology")
    assert topology is not None
    assert topology.get("sockets") == "2"


def test_a_balloon_of_another_tool_is_used() -> None:
    root = ET.fromstring(FOREIGN)
    assert to_dict(root)["memory_max"] == "4GiB"
    assert change(root, memory="3GiB")["memory_max"] == "4GiB"
    assert root.findtext("memory") == "4194304"
    assert root.findtext("currentMemory") == "3145728"
    found = change(root, memory="6GiB", memory_max="12GiB")
    assert (found["memory"], found["memory_max"]) == ("6GiB", "12GiB")
    assert root.find("cpu/numa/cell") is not None


def test_memory_at_its_ceiling_has_no_slots() -> None:
    root = new(memory="1GiB", memory_max="1GiB")
    assert root.find("maxMemory") is None
    assert root.find("cpu/numa") is None


def test_the_numa_node_follows_memory_and_vcpus() -> None:
    root = new(memory="1GiB")
    change(root, memory="2GiB", vcpus_max=8)
    cell = root.find("cpu/numa/cell")
    assert cell is not None
    assert cell.attrib == {"id": "0", "cpus": "0-7", "memory": str(2 * 1024**2), "unit": "KiB"}


def test_what_does_not_fit_is_refused() -> None:
    root = ET.fromstring(FOREIGN)
    with pytest.raises(ResourceError, match="does not fit the CPU topology"):
        change(root, vcpus_max=6)
    numa = ET.fromstring("<numa><cell id='0' cpus='0-1' memory='1'/><cell id='1' cpus='2-3' memory='1'/></numa>")
    root.findall("cpu")[0].append(numa)
    with pytest.raises(ResourceError, match="2 NUMA nodes"):
        change(root, memory="5GiB", memory_max="8GiB")


def test_vnc_on_all_addresses_is_not_what_true_means() -> None:
    root = ET.fromstring(FOREIGN)
    assert to_dict(root)["vnc"] == "0.0.0.0"
    assert change(root, vnc=True)["vnc"] is True
    assert "0.0.0.0" not in ET.tostring(root, "unicode")


def test_firmware_goes_with_its_files() -> None:
    root = new(firmware="uefi")
    system = root.find("os")
    assert system is not None
    for xml in ("<loader type='pflash'>/code</loader>", "<nvram>/vars</nvram>"):
        system.append(ET.fromstring(xml))
    assert change(root, firmware="bios")["firmware"] == "bios"
    assert [child.tag for child in system] == ["type"]


def test_facts_of_a_running_domain() -> None:
    root = ET.fromstring("""
        <domain><maxMemory slots='16' unit='KiB'>8192</maxMemory><memory unit='KiB'>4096</memory>
        <vcpus><vcpu id='0' enabled='yes' hotpluggable='no'/><vcpu id='1' enabled='yes' hotpluggable='yes'/>
        <vcpu id='2' enabled='no' hotpluggable='yes'/></vcpus>
        <devices><memory model='dimm'/><controller type='pci' index='0' model='pcie-root'/>
        <controller type='pci' index='1' model='pcie-root-port'><address type='pci' bus='0x00'/></controller>
        <controller type='pci' index='2' model='pcie-root-port'><address type='pci' bus='0x00'/></controller>
        <controller type='pci' index='17' model='pcie-root-port'><address type='pci' bus='0x00'/></controller>
        <disk><address type='pci' bus='0x02'/></disk></devices></domain>""")
    facts = {"total": 4096, "ceiling": 8192, "slots": 15, "vcpus_fixed": 1, "ports": 2, "scsi": False}
    assert live_facts(root) == facts
    assert live_facts(ET.fromstring(FOREIGN))["ports"] is None


def test_what_waits_for_a_restart_is_told_by_field() -> None:
    config = to_dict(new(**{key: value for key, value in EVERYTHING.items() if key != "name"}))
    assert waiting(config, config) == []
    disks = [config["disks"][0] | {"cache": "none"}, *config["disks"][1:2]]
    live = config | {"cpu_model": "Nehalem", "disks": disks, "nics": [*config["nics"], {"name": "x", "mac": "m"}]}
    assert waiting(config, live) == ["cpu_model", "disks.file", "disks.root.cache", "nics.x"]
    assert waiting(config | {"cpu_model": "host-model"}, config) == []


def test_reading_without_controllers_reads_the_same() -> None:
    root = new(**{key: value for key, value in EVERYTHING.items() if key != "name"})
    for controller in root.findall("devices/controller"):
        ET.SubElement(controller, "target", {"port": "0x8"})
    assert parse(ET.tostring(root, "unicode")).find("devices/controller") is None
    assert to_dict(parse(ET.tostring(root, "unicode"))) == to_dict(root)


def test_targets_are_kept_and_unique() -> None:
    root = new(disks=[{"name": "a", "file": "/a"}, {"name": "b", "file": "/b"}], cloud_init={"file": "/seed"})
    found = change(root, disks=[{"name": "b", "file": "/b"}, {"name": "c", "file": "/c", "bus": "scsi"}])
    assert [disk["target"] for disk in found["disks"]] == ["vdb", "sda"]
    found = change(root, disks=[{"name": "d", "file": "/d"}, {"name": "renamed", "file": "/b", "bus": "sata"}])
    assert {disk["name"]: disk["target"] for disk in found["disks"]} == {"d": "vda", "renamed": "sdb"}
