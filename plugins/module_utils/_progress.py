# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far Pacemaker is with what it has to do: which VM has moved, what failed, what is missing at the end. Pure.

Private to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from ansible_collections.cairn.hci.plugins.module_utils import _moves
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

# Pacemaker keeps the last failure of a resource on a node, and apart from it the last migration, failed or not.
HISTORY = re.compile(r"vm-(.+)_(last_failure|migrate_to|migrate_from)_0")
# The code of an operation that goes on (Pacemaker's PCMK_OCF_UNKNOWN).
PENDING = "193"
MIGRATIONS = {"migrate_to", "migrate_from"}


def place(vm: Object) -> str | None:
    """Where a VM is: a node, `stopped`, or None while it is on its way."""
    if vm["pending"]:
        return None
    if vm["role"] == "Stopped":
        return "stopped"
    return vm["nodes"][0] if vm["role"] == "Started" and len(vm["nodes"]) == 1 else None


def places(vms: Mapping[str, Object], before: Mapping[str, str]) -> dict[str, str]:
    """Where the VMs are, those on their way where they were."""
    found = {name: place(vm) or before.get(name) for name, vm in vms.items()}
    return {name: where for name, where in found.items() if where}


def lines(before: Mapping[str, str], after: Mapping[str, str], seconds: float) -> list[str]:
    """A line for each VM that has come to another place."""
    return [
        f"{name}: {before.get(name, 'stopped')} -> {where} (after {seconds:.0f} s)"
        for name, where in sorted(after.items())
        if before.get(name, "stopped") != where
    ]


def failed(cib: Element, since: float) -> Iterator[tuple[str, Element]]:
    """The operations that failed since a time in seconds, with their VMs."""
    for operation in cib.iter("lrm_rsc_op"):
        vm = HISTORY.fullmatch(operation.get("id", ""))
        when = float(operation.get("last-rc-change") or "0")
        if vm and operation.get("rc-code") not in {"0", PENDING} and when >= since:
            yield vm[1], operation


def failures(cib: Element, since: float) -> dict[str, str]:
    """What failed with VMs since a time in seconds, a sentence for each operation."""
    return {
        f"{one.get('operation_key')} {one.get('last-rc-change') or '0'} {one.get('on_node')}": sentence(vm, one)
        for vm, one in failed(cib, since)
    }


def sentence(vm: str, operation: Element) -> str:
    """One failure. After a failed live migration Pacemaker does not know where the guest is, and starts it anew."""
    task, node = operation.get("operation"), operation.get("on_node")
    text = f"{vm}: {task} failed on {node} ({operation.get('exit-reason') or f'see journalctl -u pacemaker on {node}'})"
    return f"{text}; Pacemaker shuts the VM down and starts it where it may run" if task in MIGRATIONS else text


def missing(vms: Mapping[str, Object], failed: Mapping[str, str]) -> dict[str, str]:
    """A sentence for each VM that shall run and does not: `failed` has Pacemaker's latest failure of a resource."""
    return {
        name: f"{name} does not run: {failed.get(_moves.VM + name) or 'no node may or can take it'}; see 'crm_mon -1'."
        for name, vm in sorted(vms.items())
        if vm["target_role"] != "Stopped" and vm["role"] != "Started"
    }
