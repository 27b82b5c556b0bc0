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


class ActionModule(ActionBase):
    """Run the module twice: with the change, and, when there was one, with its confirmation."""

    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Apply and confirm. A change that cuts the node off is reported after the node has rolled it back."""
        super().run(tmp, task_vars)
        token = uuid.uuid4().hex
        started = time.monotonic()
        try:
            applied = self.phase("apply", token, task_vars)
        except AnsibleConnectionFailure:
            applied = {"changed": True}
        if applied.get("failed") or not applied.get("changed") or self._task.check_mode:
            return applied
        timeout = int(self._task.args.get("rollback_timeout", 60))
        confirmed = self.confirm(token, started + timeout + RETURN_SECONDS, task_vars)
        if confirmed is None:
            return self.failure(
                applied, f"no answer over a fresh connection, not even {RETURN_SECONDS} s after the rollback"
            )
        if confirmed.get("failed"):
            return self.failure(applied, confirmed["msg"])
        changed = {entry["name"]: entry["changed"] for entry in applied.get("bridges", [])}
        bridges = [entry | {"changed": changed.get(entry["name"], True)} for entry in confirmed["bridges"]]
        return confirmed | {"changed": True, "bridges": bridges, "diff": applied.get("diff", {})}

    def phase(self, phase: str, token: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """One call of the module."""
        args = self._task.args | {"phase": phase, "token": token}
        result: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        return result

    def confirm(self, token: str, deadline: float, task_vars: dict[str, Any] | None) -> dict[str, Any] | None:
        """Confirm over a fresh connection, as often as it takes; None when the node never answers."""
        while True:
            try:
                self._connection.reset()
                return self.phase("confirm", token, task_vars)
            except AnsibleConnectionFailure:
                if time.monotonic() > deadline:
                    return None
            time.sleep(PAUSE)

    def failure(self, applied: dict[str, Any], reason: str) -> dict[str, Any]:
        """The result of a change that is not kept: what it was, and why."""
        changes = applied.get("diff", {}).get("after", {})
        what = "; ".join(f"{name}: {', '.join(fields)}" for name, fields in changes.items()) or "unknown"
        msg = f"The network change is not kept, the node has what it had before: {reason} (rolled back: {what})."
        return {"failed": True, "changed": False, "rolled_back": True, "msg": msg}
