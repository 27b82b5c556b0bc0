"""What is made of the answers of ip, lsblk, dpkg and apt's files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import (
    _node,
    _node_disks,
    _node_engines,
    _node_network,
    _node_sources,
)

LINKS: list[dict[str, Any]] = [
    {
        "ifname": "eno1",
        "link_type": "ether",
        "address": "52:54:00:00:00:01",
        "mtu": 1500,
        "max_mtu": 9216,
        "flags": ["UP", "LOWER_UP"],
        "master": "lan",
        "addr_info": [
            {"local": "192.0.2.11", "prefixlen": 24, "scope": "global"},
            {"local": "fe80::1", "prefixlen": 64, "scope": "link"},
        ],
    },
    {
        "ifname": "lan",
        "link_type": "ether",
        "mtu": 1500,
        "flags": ["UP"],
        "linkinfo": {"info_kind": "bridge", "info_data": {"vlan_filtering": 1, "vlan_protocol": "802.1Q"}},
    },
    {"ifname": "lo", "link_type": "loopback", "mtu": 65536, "flags": []},
]


def test_links() -> None:
    routes = json.dumps(
        [{"dst": "default", "gateway": "192.0.2.1", "dev": "lan"}, {"type": "blackhole", "dst": "10.0.0.0/8"}]
    )
    found = _node_network.parse(json.dumps(LINKS), routes, "")
    assert [link["name"] for link in found["interfaces"]] == ["eno1", "lan"]
    assert found["interfaces"][0]["addresses"] == ["192.0.2.11/24"]
    assert (found["bridges"], found["vlan_filtering"]) == (["lan"], True)
    assert found["interfaces"][1]["vlan_aware"]
    assert found["routes"] == [{"to": "default", "via": "192.0.2.1", "interface": "lan", "metric": 0}]


def test_a_kernel_without_vlan_filtering_shows_no_protocol() -> None:
    bridge = {**LINKS[1], "linkinfo": {"info_kind": "bridge", "info_data": {"vlan_filtering": 0}}}
    assert _node_network.vlan_filtering([bridge]) is False
    assert _node_network.vlan_filtering([LINKS[0]]) is None


def test_disks() -> None:
    part = {"name": "sda1", "path": "/dev/sda1", "type": "part", "mountpoints": ["/", None]}
    disk = {
        "name": "sda",
        "path": "/dev/sda",
        "type": "disk",
        "size": 10,
        "rota": True,
        "ro": False,
        "children": [part],
    }
    hidden = disk | {"name": "sdb", "path": "/dev/sdb"}
    text = json.dumps({"blockdevices": [disk, hidden]})
    (found,) = _node_disks.parse(text, {"/dev/sda": ["/dev/disk/by-id/x"]}, {"/dev/sda", "/dev/sda1"})
    assert (found["type"], found["links"]) == ("hdd", ["/dev/disk/by-id/x"])
    assert (found["partitions"], found["mounts"]) == (["/dev/sda1"], ["/"])


@pytest.mark.parametrize(
    ("flags", "device", "kind"), [("fpu vmx", True, "kvm"), ("fpu svm", False, "qemu"), ("fpu", True, "qemu")]
)
def test_how_guests_run(tmp_path: Path, flags: str, device: bool, kind: str) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(f"flags : {flags}\n")
    if device:
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev/kvm").touch()
    assert _node.processor(tmp_path)["domain_type"] == kind


def test_installed_packages(tmp_path: Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(
        "Package: chrony\nStatus: install ok installed\nVersion: 1\n\n"
        "Package: gone\nStatus: deinstall ok config-files\n\n"
        "Package: held\nStatus: hold ok installed\n"
    )
    assert _node.installed_packages(tmp_path) == {"chrony", "held"}


@pytest.mark.parametrize(
    ("status", "journal", "expected"),
    [
        ("install ok installed", [], False),
        ("install ok installed", ["tmp.i"], False),
        ("install ok installed", ["0003"], True),
        ("install ok half-configured", [], True),
        ("install reinstreq half-installed", [], True),
        ("deinstall ok config-files", [], False),
    ],
)
def test_an_interrupted_installation(tmp_path: Path, status: str, journal: list[str], expected: bool) -> None:
    (tmp_path / "var/lib/dpkg/updates").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(f"Package: chrony\nStatus: {status}\nVersion: 1\n\n")
    for name in journal:
        (tmp_path / "var/lib/dpkg/updates" / name).touch()
    assert _node.packages_interrupted(tmp_path) is expected


def test_a_bare_system_has_no_facts_and_no_error(tmp_path: Path) -> None:
    found = _node.system(tmp_path)
    assert (found["distribution"], found["container"]) == ("unknown", False)
    assert (_node.memory(tmp_path), _node.name_servers(tmp_path), _node.vlan_filtering(tmp_path)) == (0, [], None)


def test_the_kernel_s_configuration(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    config = tmp_path / f"boot/config-{os.uname().release}"
    config.write_text("#\nCONFIG_BRIDGE_VLAN_FILTERING=y\n")
    assert _node.vlan_filtering(tmp_path) is True
    config.write_text("#\n# CONFIG_BRIDGE_VLAN_FILTERING is not set\n")
    assert _node.vlan_filtering(tmp_path) is False


def test_sources(tmp_path: Path) -> None:
    directory = tmp_path / "etc/apt/sources.list.d"
    directory.mkdir(parents=True)
    (tmp_path / "etc/apt/sources.list").write_text("# deb http://no a b\ndeb [arch=amd64] http://one trixie main\n")
    (directory / "two.sources").write_text(
        "Types: deb deb-src\nURIs: http://two\nSuites: trixie trixie-updates\nComponents: main\n\n"
        "Types: deb\nURIs: http://off\nSuites: x\nEnabled: no\n"
    )
    assert _node_sources.configured(tmp_path) == [
        ("http://one", "trixie"),
        ("http://two", "trixie"),
        ("http://two", "trixie-updates"),
    ]
    assert _node_sources.of_options({"URIs": "http://a http://b", "suites": ["x"]}) == [
        ("http://a", "x"),
        ("http://b", "x"),
    ]
    assert _node_sources.release_file(("http://one/", "trixie")) == "http://one/dists/trixie/InRelease"
    assert _node_sources.release_file(("http://one", "./")) == "http://one/./InRelease"


def test_an_unreachable_url() -> None:
    assert _node_sources.unreachable_urls(["http://127.0.0.1:9/image"]) == {
        "http://127.0.0.1:9/image": "[Errno 111] Connection refused"
    }


def test_an_unreachable_source() -> None:
    (found,) = _node_sources.unreachable([("http://127.0.0.1:9/debian", "trixie")])
    assert (found["uri"], found["suite"]) == ("http://127.0.0.1:9/debian", "trixie")
    assert "refused" in found["reason"]


def test_domains_are_found_where_libvirt_does_not_answer(tmp_path: Path) -> None:
    for directory in ("etc/libvirt/qemu", "run/libvirt/qemu"):
        (tmp_path / directory).mkdir(parents=True)
    text = "<domain><name>web1</name><uuid>u</uuid><memory unit='KiB'>1024</memory><vcpu current='1'>4</vcpu></domain>"
    (tmp_path / "etc/libvirt/qemu/web1.xml").write_text(text)
    (tmp_path / "etc/libvirt/qemu/broken.xml").write_text("<domain>")
    (tmp_path / "run/libvirt/qemu/web1.xml").touch()
    web1 = {"name": "web1", "uuid": "u", "memory": 1024**2, "vcpus": 4, "active": True}
    assert _node_engines.defined(tmp_path) == [web1]


def test_the_module_runs_here(run_module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_node_sources, "configured", list)
    node = run_module("node_info", packages=["no-such-package"])["node"]
    assert node["missing_packages"] == ["no-such-package"]
    assert node["cpus"] > 0
    assert node["images"] is None
