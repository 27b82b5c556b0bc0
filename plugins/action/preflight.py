# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates the inventory as a whole against the nodes, and makes the plan. Runs once, on the controller."""

from __future__ import annotations

import uuid
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.cairn.hci.plugins.module_utils import (
    _guests,
    _ha_checks,
    _inventory,
    _kernel_options,
    _networks,
    _node_checks,
    _pci_checks,
    _plan,
    _plan_text,
    _storage_vms,
)
from ansible_collections.cairn.hci.plugins.module_utils._inventory import Inventory, attempt
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._schema import Problems
from ansible_collections.cairn.hci.plugins.module_utils._vm_plan import base_name
from ansible_collections.cairn.hci.plugins.plugin_utils import _controller

ANSWER = "_preflight_node"


class ActionModule(ActionBase):
    """All errors at once, or the plan."""

    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("others",))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the fact cairn_plan, or fail with a sentence for each thing that is wrong."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        problems = Problems()
        inventory = self.read(variables, problems)
        plan = self.check(inventory, problems, variables)
        if problems or plan is None:
            return result | {"failed": True, "msg": "\n".join([*problems.sentences(), "Nothing was changed."])}
        text = _plan_text.lines(plan)
        Display().display("\n".join(text))
        return result | {"changed": False, "plan": text, "ansible_facts": {"cairn_plan": plan}}

    def read(self, variables: dict[str, Any], problems: Problems) -> Inventory:
        """The inventory, with the answers of all nodes."""
        hostvars, groups = variables["hostvars"], variables["groups"]
        schema = _controller.schema(self._loader)
        inventory = Inventory(
            _controller.machines(groups.get("nodes", []), hostvars, schema, problems),
            _controller.machines(groups.get("vms", []), hostvars, schema, problems),
            ssh_keys=_controller.ssh_keys(),
            storage_vms=list(groups.get("storage_vms", [])),
        )
        for sentence in _controller.twice(_controller.files(inventory, hostvars)):
            problems.add("", sentence)
            inventory.twice = True
        others = {entry.get("_preflight_other"): entry for entry in self._task.args.get("others") or []}
        for node in inventory.nodes.values():
            reason = _controller.answer(node, hostvars[node.name].get(ANSWER) or others.get(node.name))
            if reason is not None and node.name not in inventory.vms:
                problems.add("", _node_checks.unanswered(node, reason))
        _inventory.forget_doubles(inventory)
        hosts = [*inventory.vms.values(), *inventory.nodes.values()]
        inventory.images = _controller.images(hosts, problems)
        return inventory

    def check(self, inventory: Inventory, problems: Problems, variables: dict[str, Any]) -> Object | None:
        """Check everything that what is known allows to check; return the plan when nothing is wrong."""
        bad = problems.hosts()
        _storage_vms.complete(inventory, problems, bad)
        _inventory.check(inventory, problems, bad)
        _ha_checks.check(inventory, problems, bad)
        if not inventory.nodes:
            return None
        _node_checks.check(inventory, problems, bad)
        self.examine(inventory, problems, variables)
        if bad & inventory.nodes.keys():
            return None
        _networks.check(inventory, problems)
        _kernel_options.check(inventory, problems)
        bad = problems.hosts()
        if bad & inventory.nodes.keys():
            return None
        _storage_vms.check(inventory, problems, bad)
        bad = problems.hosts()
        among = _guests.check(inventory, _guests.Networks(inventory), problems, bad)
        _pci_checks.check(inventory, problems)
        return self.plan(inventory, among, problems) if inventory.answered() else None

    def plan(self, inventory: Inventory, among: dict[str, frozenset[str]], problems: Problems) -> Object | None:
        """The plan, when all nodes answered and nothing is wrong; `among` has the nodes that can run each VM."""
        ceph = attempt(problems, "", _plan.cluster, inventory, str(uuid.uuid4()))
        if ceph is None:
            return None
        devices = _plan.osds(inventory, ceph["fsid"], problems)
        where = attempt(problems, "", _plan.placement, inventory, among, devices)
        if where is not None:
            _ha_checks.check_room(inventory, where.guests, where.hosts, problems)
        if where is None or problems:
            return None
        return attempt(problems, "", _plan.build, inventory, ceph, devices, where, among)

    def examine(self, inventory: Inventory, problems: Problems, variables: dict[str, Any]) -> None:
        """Look at those images that a disk is still to be made of: files here, URLs from a node."""
        there = _guests.known_images(inventory) or {}
        pool, local = _inventory.first_pool(inventory), _storage_vms.wanted_images(inventory)
        urls = {}
        for name in dict.fromkeys([*local, *_guests.wanted_images(inventory)]):
            image = inventory.images[name]
            imported = name not in local and image["sha256"] and f"{pool}/{base_name(name, image)}" in there
            if imported or problems.mentions(f"vm_images.{name}"):
                continue
            if image["path"]:
                attempt(problems, "", _controller.examine, name, image)
            elif image["url"]:
                urls[image["url"]] = name
        if urls:
            task = {"module_name": "cairn.hci.node_info", "module_args": {"urls": list(urls)}}
            answer = self._execute_module(**task, task_vars=variables).get("node") or {}
            for url, reason in answer.get("unreachable_urls", {}).items():
                who = variables["inventory_hostname"]
                problems.add("", f"vm_images.{urls[url]}.url: {who} can't fetch {url} ({reason}); correct it.")
