# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for Pacemaker, and shows on the controller which virtual machine has moved while it goes on."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.cairn.hci.plugins.module_utils import _progress

Result = dict[str, Any]
MODULE = "cairn.hci.settle"
LOOK = 2.0
# Pacemaker needs a moment to see a change: it is at rest when it is so twice in a row.
LOOKS = 2


class ActionModule(ActionBase):
    """Call the module until Pacemaker is at rest."""

    _requires_connection = True
    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return where all VMs are at the end. Fail with a sentence for each that is not as it shall be."""
        result: Result = super().run(tmp, task_vars)
        self.before: Result = dict(self._task.args.get("before") or {})
        self.places = _progress.places(self.before.get("vms", {}), {})
        self.shown: list[str] = []
        self.failures: Result = {}
        self.start = time.monotonic()
        timeout, idle = float(self._task.args.get("timeout", 3600)), 0
        while True:
            answer = self.look(task_vars)
            settled = answer.get("settled")
            if settled:
                self.show(settled)
            # A node that never answered has nothing to wait for.
            if timeout == 0 or self._task.check_mode or not self.before:
                return result | answer
            idle = idle + 1 if settled and settled["idle"] else 0
            if idle == LOOKS or time.monotonic() - self.start > timeout:
                return result | self.outcome(answer, idle == LOOKS)
            time.sleep(LOOK)

    def look(self, task_vars: Result | None) -> Result:
        """One call of the module; a node that does not answer now may do so later."""
        args = self._task.args | {"before": self.before}
        try:
            answer: Result = self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        except AnsibleConnectionFailure as error:
            self._connection.reset()
            return {"failed": True, "msg": str(error)}
        return answer

    def show(self, settled: Result) -> None:
        """Display what is new since the look before."""
        seconds = time.monotonic() - self.start
        if not self.before:
            self.before, self.places = settled, _progress.places(settled["vms"], {})
        after = _progress.places(settled["vms"], self.places)
        self.say(_progress.lines(self.places, after, seconds))
        self.say([text for key, text in settled["failures"].items() if key not in self.failures])
        self.places = after
        self.failures |= settled["failures"]

    def say(self, lines: list[str]) -> None:
        """Show lines at once, and keep them."""
        for line in lines:
            Display().display(f"  {line}")
        self.shown += lines

    def outcome(self, answer: Result, idle: bool) -> Result:
        """The result: what is not as it shall be, or where everything is."""
        settled, problems = answer.get("settled"), []
        if settled is None:
            problems.append(str(answer.get("msg") or answer.get("module_stderr")))
        elif not idle:
            problems.append(f"Pacemaker is not at rest after {time.monotonic() - self.start:.0f} s; see 'crm_mon -1'.")
        elif self._task.args.get("stopped"):
            problems += [f"{name} still runs on {where}." for name, where in self.places.items() if where != "stopped"]
        else:
            wanted = self._task.args.get("before") or {}
            problems += [text for name, text in settled["missing"].items() if self.expected(name, wanted)]
        done = {"changed": False, "moved": self.shown, "settled": settled, "warnings": list(self.failures.values())}
        return done | ({"failed": True, "msg": "\n".join(problems)} if problems else {})

    @staticmethod
    def expected(name: str, before: Result) -> bool:
        """Whether a VM is missed when it does not run: not one that did not run before, where that is known."""
        return "vms" not in before or before["vms"].get(name, {}).get("role") == "Started"
