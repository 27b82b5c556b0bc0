"""Options of the nodes' kernels: the plan, and what is said of a node that can't have them, or must be rebooted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils import _node

Plan = Callable[[], dict[str, Any]]
WORDS = ["intel_iommu=on", "iommu=pt"]
RUNNING = {"name": "web2", "uuid": "11111111-1111-4111-8111-111111111111", "memory": 2**30, "vcpus": 1, "active": True}


@pytest.fixture
def intel(world: Any) -> Any:
    """The world with Intel's processors; its db1 is on node1 and has a device, which is in no IOMMU group."""
    for one in world.facts.values():
        one["boot"]["vendor"] = "GenuineIntel"
    device: dict[str, Any] = {
        "address": "0000:03:00.0",
        "id": "144d:a80a",
        "class": "0108",
        "driver": "nvme",
        "override": None,
    }
    device |= {"kept": False, "kept_for": None, "kept_disks": [], "iommu_group": None, "group_devices": []}
    world.facts["node1"]["pci_devices"] = [device | {"disks": [], "links": [], "uses": []}]
    world.hosts["db1"] |= {"vm_node": "node1", "vm_pci_devices": ["0000:03:00.0"]}
    return world


def wish(world: Any) -> None:
    world.nodes |= {"base_kernel_options": WORDS}


def allow(world: Any) -> None:
    world.nodes |= {"base_kernel_options": WORDS, "base_reboot": "allowed"}


def run(world: Any) -> None:
    allow(world)
    world.facts["node1"]["domains"] = [RUNNING]


def told(world: Any) -> None:
    allow(world)
    world.facts["node1"]["boot"]["options"] = WORDS


def amd(world: Any) -> None:
    world.facts["node1"]["boot"]["vendor"] = "AuthenticAMD"


def nothing(_world: Any) -> None:
    """No change."""


OFF = "db1: vm_pci_devices: 0000:03:00.0 of node1: the node has no IOMMU, or it is off; switch on "
MUST = "db1: vm_pci_devices: 0000:03:00.0 of node1: node1 must be rebooted for intel_iommu=on; "
CASES: dict[str, tuple[Callable[[Any], None], str]] = {
    "not asked for": (
        nothing,
        f"{OFF}VT-d in the firmware, and set base_kernel_options: [intel_iommu=on, iommu=pt] and base_reboot: allowed.",
    ),
    "AMD": (amd, f"{OFF}AMD-Vi in the firmware."),
    "told, and yet none": (told, f"{OFF}VT-d in the firmware."),
    "no consent": (wish, f"{MUST}set base_reboot: allowed."),
    "runs a VM": (
        run,
        f"{MUST}it runs web2: take the device out of the inventory, run site.yml, then playbooks/rolling_reboot.yml.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_about_a_node_without_iommu(intel: Any, case: str) -> None:
    change, sentence = CASES[case]
    change(intel)
    assert intel.judge() == ([sentence], None)


def test_a_node_that_is_rebooted_has_an_iommu_by_then(intel: Any, plan: Plan) -> None:
    allow(intel)
    kernel = plan()["nodes"]["node1"]["kernel"]
    assert kernel == {"options": WORDS, "missing": WORDS, "stale": True, "reboot": True, "sentence": None}


@pytest.mark.parametrize(
    ("changes", "reboot", "sentence"),
    [
        (
            {},
            False,
            "node2 must be rebooted for intel_iommu=on iommu=pt; set base_reboot: allowed, or reboot it yourself.",
        ),
        ({"base_reboot": "allowed"}, True, None),
    ],
)
def test_consent(world: Any, plan: Plan, changes: dict[str, Any], reboot: bool, sentence: str | None) -> None:
    wish(world)
    world.nodes |= changes
    kernel = plan()["nodes"]["node2"]["kernel"]
    assert (kernel["reboot"], kernel["sentence"]) == (reboot, sentence)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"domains": [RUNNING]}, "it runs web2"),
        ({"ha": {"nodes": {}, "watchdogs": [], "bmc": None, "running": True}}, "it is a part of a running cluster"),
    ],
)
def test_a_node_in_use_is_not_rebooted(world: Any, plan: Plan, facts: dict[str, Any], reason: str) -> None:
    allow(world)
    world.facts["node3"] |= facts
    nodes = plan()["nodes"]
    assert (nodes["node1"]["kernel"]["reboot"], nodes["node3"]["kernel"]["reboot"]) == (True, False)
    assert nodes["node3"]["kernel"]["sentence"] == (
        f"node3 must be rebooted for intel_iommu=on iommu=pt; {reason}, so do it with playbooks/rolling_reboot.yml."
    )


def test_what_is_there_needs_no_reboot(world: Any, plan: Plan) -> None:
    allow(world)
    world.facts["node1"]["boot"]["options"] = ["quiet", *WORDS]
    world.facts["node2"]["boot"]["next_options"] = ["quiet", *WORDS]
    nodes = plan()["nodes"]
    assert (nodes["node1"]["kernel"]["missing"], nodes["node1"]["kernel"]["reboot"]) == ([], False)
    assert (nodes["node2"]["kernel"]["stale"], nodes["node3"]["kernel"]["stale"]) == (False, True)


def test_a_container_has_its_hosts_kernel(world: Any, plan: Plan) -> None:
    allow(world)
    world.facts["node1"] |= {"container": True}
    assert plan()["nodes"]["node1"]["kernel"]["options"] == []


@pytest.mark.parametrize("word", ["iommu=pt quiet", "a'b", "$(reboot)", '"', ""])
def test_an_option_is_one_word(world: Any, word: str) -> None:
    world.nodes["base_kernel_options"] = [word]
    sentence = (
        f"node1, node2, node3: base_kernel_options[0] is {word!r}, which is not one word of a command line; write each "
        "option as an entry of its own."
    )
    assert world.judge() == ([sentence], None)


def test_a_node_without_grub(world: Any) -> None:
    wish(world)
    world.facts["node2"]["boot"]["grub"] = False
    sentence = (
        "node2: base_kernel_options: the node has no GRUB to be told intel_iommu=on iommu=pt; install grub-pc or "
        "grub-efi-amd64, or say it to its own boot loader."
    )
    assert world.judge() == ([sentence], None)


def test_what_a_node_says_of_its_boot(tmp_path: Path) -> None:
    files = {
        "proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\n",
        "proc/cmdline": "BOOT_IMAGE=/vmlinuz ro quiet\n",
        "boot/grub/grub.cfg": "set x=1\nmenuentry 'Debian' {\n\tlinux\t/vmlinuz root=LABEL=x ro iommu=pt\n}\n",
        "usr/sbin/update-grub": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = _node.boot(tmp_path)
    assert (found["vendor"], found["grub"]) == ("GenuineIntel", True)
    assert found["options"] == ["BOOT_IMAGE=/vmlinuz", "ro", "quiet"]
    assert found["next_options"] == ["root=LABEL=x", "ro", "iommu=pt"]
    assert _node.boot(tmp_path / "none") == {"vendor": "", "options": [], "next_options": [], "grub": False}
