"""A callback plugin that writes how long each task took on each host, and what it returned, to $BENCH_TIMES."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: bench_times
type: aggregate
short_description: Times of all tasks, as JSON
description: Used by the benchmarks only.
"""


class CallbackModule(CallbackBase):
    """Gathers results until the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "bench_times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self.started: dict[tuple[str, str], float] = {}
        self.results: list[dict[str, Any]] = []

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A task begins on a host."""
        self.started[host.get_name(), task._uuid] = time.time()

    def keep(self, result: Any, failed: bool = False) -> None:
        """A task ended on a host."""
        host, task = result.host.get_name(), result.task
        start = self.started.get((host, task._uuid), time.time())
        entry = {"task": task.get_name(), "action": task.action, "host": host, "start": start, "end": time.time()}
        role = task._role.get_name() if task._role else ""
        entry |= {"role": role, "seconds": time.time() - start, "failed": failed, "result": result.result}
        self.results.append(entry)

    def v2_runner_on_ok(self, result: Any) -> None:
        """It succeeded."""
        self.keep(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """It failed."""
        self.keep(result, failed=not ignore_errors)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end: write."""
        with open(os.environ["BENCH_TIMES"], "w", encoding="utf-8") as file:
            json.dump(self.results, file, default=str)
