# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of the guarded network change: apply, then confirm over a fresh connection."""

from __future__ import annotations

import time
import uuid
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

MODULE = "cairn.hci.bridge"
RETURN_SECONDS = 30  # after the rollback, until the node is given up
PAUSE = 1.0
# A connection that the change cuts must end; TCP alone would wait for a quarter of an hour.
KEEPALIVE = "-o ServerAliveInterval=3 -o ServerAliveCountMax=3"

Result = dict[str, Any]


class ActionModule(ActionBase):
    """Run the module three times: the change, the wait until it is in force, its confirmation."""

    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Apply and confirm. A change that cuts the node off is reported after the node has rolled it back."""
        super().run(tmp, task_vars)
        if self._task.check_mode:
            return self.phase("apply", None, task_vars)
        token = uuid.uuid4().hex
        self.end_dead_connections()
        started = time.monotonic()
        try:
            applied = self.phase("apply", token, task_vars)
        except AnsibleConnectionFailure:
            applied = {"changed": True}
        if applied.get("failed") or not applied.get("changed"):
            return applied
        deadline = started + int(self._task.args.get("rollback_timeout", 60)) + RETURN_SECONDS
        # The first fresh connection may be older than the change; the one that is opened after its answer is not.
        outcome = self.insist("settle", token, deadline, task_vars)
        if not outcome.get("failed"):
            outcome = self.insist("confirm", token, deadline, task_vars)
        return self.refused(applied, outcome) if outcome.get("failed") else self.kept(applied, outcome)

    def end_dead_connections(self) -> None:
        """Let ssh notice a connection that leads nowhere."""
        if self._connection.transport == "ssh":
            extra = self._connection.get_option("ssh_extra_args") or ""
            self._connection.set_option("ssh_extra_args", f"{extra} {KEEPALIVE}")
            self._connection.reset()

    def phase(self, phase: str, token: str | None, task_vars: Result | None) -> Result:
        """One call of the module."""
        args = self._task.args | {"phase": phase, "token": token}
        result: Result = self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        return result

    def insist(self, phase: str, token: str, deadline: float, task_vars: Result | None) -> Result:
        """One phase over a fresh connection, as often as it takes until the deadline."""
        reason = ""
        while time.monotonic() < deadline:
            try:
                self._connection.reset()
                result = self.phase(phase, token, task_vars)
                # Neither an answer of the module nor a lost connection: it was cut while the module ran.
                if "bridges" in result or "module_stdout" not in result:
                    return result
            except AnsibleConnectionFailure as error:
                reason = str(error)
            time.sleep(PAUSE)
        return {"failed": True, "unreached": True, "msg": reason.strip()}

    def kept(self, applied: Result, confirmed: Result) -> Result:
        """The result of a confirmed change: the state after it, and what it changed."""
        changed = {entry["name"]: entry["changed"] for entry in applied.get("bridges", [])}
        bridges = [entry | {"changed": changed.get(entry["name"], True)} for entry in confirmed["bridges"]]
        return confirmed | {"changed": True, "bridges": bridges, "diff": applied.get("diff", {})}

    def refused(self, applied: Result, outcome: Result) -> Result:
        """The result of a change that is not kept: what it was, and why."""
        changes = applied.get("diff", {}).get("after", {})
        what = "; ".join(f"{name}: {', '.join(fields)}" for name, fields in changes.items()) or "the whole change"
        reason = str(outcome.get("msg", "unknown error")).rstrip(".")
        if outcome.get("unreached"):
            msg = (
                f"The network change ({what}) is not confirmed. The node takes it back, yet does not answer: {reason}."
            )
            return {"failed": True, "changed": True, "msg": msg}
        msg = f"The network change was rolled back, the node has again what it had before ({what}). Reason: {reason}."
        return {"failed": True, "changed": False, "rolled_back": True, "msg": msg}
