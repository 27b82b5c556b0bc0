# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a node's kernel: which are missing, who may reboot it for them, and what is said of that. Pure.

Private to the collection.
"""

from __future__ import annotations

import re

from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, Machine
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems, some

# What neither a shell, as which GRUB reads its defaults, nor the kernel takes for more than one word.
WORD = re.compile(r"[A-Za-z0-9_.,:=/@+%-]+")
INTEL = "GenuineIntel"
INTEL_WORDS = ("intel_iommu=on", "iommu=pt")


def busy(facts: Object) -> str | None:
    """Why a node is not rebooted by the way: what it runs."""
    active = [domain["name"] for domain in facts["domains"] if domain["active"]]
    if active:
        return f"it runs {some(active)}"
    if facts["ceph"]["mon_running"] or facts["ceph"]["osds"] or facts["ha"].get("running"):
        return "it is a part of a running cluster"
    return None


def plan(node: Machine) -> Object:
    """What the kernel's command line shall have, lacks now, and whether the node is rebooted for it.

    `stale` says that the next boot would not have it either, `sentence` what the operator has to do.
    """
    options, facts = node.get("base_kernel_options") or [], node.facts or {}
    boot = facts["boot"]
    missing = [] if facts["container"] else [word for word in options if word not in boot["options"]]
    reason = busy(facts)
    reboot = bool(missing) and node.get("base_reboot") == "allowed" and reason is None
    remedy = "set base_reboot: allowed, or reboot it yourself."
    if reason:
        remedy = f"{reason}, so do it with playbooks/rolling_reboot.yml."
    needed = f"{node.name} must be rebooted for {' '.join(missing)}; {remedy}" if missing and not reboot else None
    return {
        "options": [] if facts["container"] else options,
        "missing": missing,
        "stale": bool(missing) and any(word not in boot["next_options"] for word in missing),
        "reboot": reboot,
        "sentence": needed,
    }


def no_iommu(node: Machine) -> str | None:
    """What to do about a node without an IOMMU that is to have one; None when this run reboots it for that."""
    boot, made = (node.facts or {})["boot"], plan(node)
    words = [word for word in INTEL_WORDS[:1] if boot["vendor"] == INTEL and word not in boot["options"]]
    if words and set(words) <= set(made["missing"]):
        if made["reboot"]:
            return None
        reason = busy(node.facts or {})
        away = f"{reason}: take the device out of the inventory, run site.yml, then playbooks/rolling_reboot.yml."
        return f"{node.name} must be rebooted for {words[0]}; {away if reason else 'set base_reboot: allowed.'}"
    return remedy(boot["vendor"], bool(words))


def remedy(vendor: str, words: bool, *, variable: bool = True) -> str:
    """What switches an IOMMU on, by the processor's vendor; `words` whether the kernel's option is missing, too."""
    name = {INTEL: "VT-d", "AuthenticAMD": "AMD-Vi"}.get(vendor, "VT-d or AMD-Vi")
    text = f"the node has no IOMMU, or it is off; switch on {name} in the firmware"
    if not words:
        return f"{text}."
    if variable:
        return f"{text}, and set base_kernel_options: [{', '.join(INTEL_WORDS)}] and base_reboot: allowed."
    return f"{text}, and add {' '.join(INTEL_WORDS)} to the kernel's command line (base_kernel_options)."


def check(inventory: Inventory, problems: Problems) -> None:
    """Options that are none, and nodes whose boot loader can't be told."""
    for node in inventory.nodes.values():
        options, wrong = node.get("base_kernel_options") or [], False
        for number, word in enumerate(options):
            if not WORD.fullmatch(word):
                wrong = True
                problems.add(
                    node.name,
                    f"base_kernel_options[{number}] is {word!r}, which is not one word of a command line; write each "
                    "option as an entry of its own.",
                )
        if wrong or not node.facts:
            continue
        missing = plan(node)["missing"]
        if missing and not node.facts["boot"]["grub"]:
            problems.add(
                node.name,
                f"base_kernel_options: the node has no GRUB to be told {' '.join(missing)}; install grub-pc or "
                "grub-efi-amd64, or say it to its own boot loader.",
            )
