# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for Ceph, and shows on the controller how far it is while it goes on."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

Result = dict[str, Any]
LOOK = 3.0


class ActionModule(ActionBase):
    """Call the module until it is done."""

    _requires_connection = True
    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return what is the case at the end. Fail with a sentence when it is not as it shall be."""
        result: Result = super().run(tmp, task_vars)
        start, wait, shown = time.monotonic(), float(self._task.args.get("wait", 86400)), list[str]()
        before = ""
        while True:
            answer = self.look(task_vars)
            settled, seconds = answer.get("settled") or {}, time.monotonic() - start
            if settled and settled["line"] != before:
                before = settled["line"]
                shown.append(f"{before} (after {seconds:.0f} s)")
                Display().display(f"  {shown[-1]}")
            if wait == 0 or self._task.check_mode or settled.get("done"):
                return result | answer | {"shown": shown}
            if seconds > wait:
                problem = settled.get("problem") or str(answer.get("msg") or answer.get("module_stderr"))
                return result | answer | {"shown": shown, "failed": True, "msg": problem}
            time.sleep(LOOK)

    def look(self, task_vars: Result | None) -> Result:
        """One call of the module; a node that does not answer now may do so later."""
        try:
            answer: Result = self._execute_module(module_name="cairn.hci.ceph_settle", task_vars=task_vars)
        except AnsibleConnectionFailure as error:
            self._connection.reset()
            return {"failed": True, "msg": str(error)}
        return answer
