# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module node_info and compares the server's clock with the controller's.

It also opens the connection that the tasks after it use, and makes it one that notices when the server falls silent.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.constants import config
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

# Within 20 s. Else a connection that is kept open (ControlPersist) waits up to a quarter of an hour for a dead server.
KEEPALIVE = "-o ServerAliveInterval=5"
# Seconds for all of it: a minute, unless Ansible shall have more patience with connections (the option timeout, 10 s).
# A connection that another task opened has no keepalive, and a node may answer ssh and yet hang.
PATIENCE = 6 * int(config.get_config_value("DEFAULT_TIMEOUT"))


class NoAnswer(BaseException):
    """The server took too long; the connection plugins catch every Exception, and would try again."""


@contextmanager
def patience() -> Iterator[None]:
    """Raise NoAnswer when the time is up. A task runs in a process of its own, in the main thread."""

    def ring(*_signal: object) -> None:
        raise NoAnswer

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


class ActionModule(ActionBase):
    """The module's result, the clock's offset, and all of it as the fact cairn_node."""

    _requires_connection = True
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, then ask for the time over the connection that is open by now."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._connection.transport == "ssh":
            self.keep_alive()
        try:
            with patience():
                result |= self._execute_module(task_vars=task_vars)
        except NoAnswer:
            return result | {"failed": True, "msg": f"no answer within {PATIENCE} s"}
        except AnsibleConnectionFailure as error:
            # Failed, not unreachable: an unreachable host in a delegated loop ends the play silently, with status 0.
            return result | {"failed": True, "msg": str(error)}
        if "node" in result:
            result["node"] |= self.clock()
            result["ansible_facts"] = {"cairn_node": result["node"]}
        return result

    def keep_alive(self) -> None:
        """Have ssh ask a silent server whether it lives; what the user set comes first, and ssh takes the first."""
        given = self._connection.get_option("ssh_extra_args") or ""
        self._connection.set_option("ssh_extra_args", f"{given} {KEEPALIVE}".strip())

    def clock(self) -> dict[str, float | None]:
        """The offset of the server's clock in seconds, as NTP computes it: half of the round trip may be wrong."""
        sent = time.time()
        answer = self._low_level_execute_command("date +%s.%N", sudoable=False)
        received = time.time()
        try:
            offset = float(answer["stdout"].split()[-1]) - (sent + received) / 2
        except (IndexError, ValueError):
            return {"clock_offset": None, "clock_error": None}
        return {"clock_offset": round(offset, 4), "clock_error": round((received - sent) / 2, 4)}
