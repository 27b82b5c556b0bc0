"""What the benchmarks share: run tasks on the lab with Ansible, time them, show a table and keep the figures.

Figures are written to build/bench/NAME.json, a list of objects with metric, value, unit, runs (the single values, of
which `value` is the median, or what the metric's name says), and where there is one, the peer or floor it is compared
with and how that compares.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
INVENTORY = ROOT / os.environ.get("INVENTORY", "inventories/lab/hosts")
OUTPUT = ROOT / "build/bench"
# For the benchmarks that import these: what is run as it is knows its own directory only.
sys.path += [str(ROOT / "lab"), str(ROOT / "tests/faults")]
# Where the nodes keep the interpreter that measures modules, and what it wrote.
MEASURE = "/var/tmp/cairn-bench-python"
MODULE_LOG = "/var/tmp/cairn-bench-modules"

Object = dict[str, Any]


class Process(NamedTuple):
    """What a module's process took: its peak memory in MiB, and its time from Python's start to its end."""

    memory: float
    seconds: float


class Bench:
    """One benchmark's figures."""

    def __init__(self, name: str) -> None:
        """Start the benchmark `name`."""
        self.name = name
        self.figures: list[Object] = []

    def add(
        self,
        metric: str,
        values: list[float],
        unit: str,
        *,
        against: Object | None = None,
        of: Callable[[list[float]], float] = statistics.median,
        **remarks: str,
    ) -> Object:
        """Keep the median of `values`, or what else `of` makes of them, as a multiple of the figure `against`.

        Remarks are `target` and `note`.
        """
        figure: Object = {"metric": metric, "value": round(of(values), 4), "unit": unit}
        figure["runs"] = [round(value, 4) for value in values]
        if against:
            figure["compared_with"] = against["metric"]
            figure["factor"] = round(against["value"] / figure["value"], 2)
        figure |= remarks
        self.figures.append(figure)
        print(f"  {metric}: {figure['value']} {unit}", file=sys.stderr, flush=True)
        return figure

    def finish(self) -> None:
        """Print the table and write the file."""
        print(f"\n{self.name}, on {os.cpu_count()} cores, Python {platform.python_version()}\n")
        print(table(self.figures))
        OUTPUT.mkdir(parents=True, exist_ok=True)
        path = OUTPUT / f"{self.name}.json"
        path.write_text(json.dumps(self.figures, indent=2) + "\n")
        print(f"\nWritten to {path.relative_to(ROOT)}")


def table(figures: list[Object]) -> str:
    """The figures as text."""
    rows = [("metric", "value", "unit", "runs", "compared with", "factor", "target", "note")]
    for figure in figures:
        factor = f"{figure['factor']:g}x" if "factor" in figure else ""
        rest = [str(figure.get(key, "")) for key in ("target", "note")]
        runs = str(len(figure["runs"]))
        rows.append(
            (
                figure["metric"],
                f"{figure['value']:g}",
                figure["unit"],
                runs,
                figure.get("compared_with", ""),
                factor,
                *rest,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def repeat(times: int, do: Callable[[], float]) -> list[float]:
    """The values of several runs."""
    return [do() for _ in range(times)]


class PlayError(Exception):
    """A play failed; its output is the message."""


def ansible(*arguments: str) -> list[Object]:
    """Run ansible-playbook on the lab; return every task result with task, host, action, role, seconds and result."""
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory) / "results.json"
        environment = os.environ | {
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "benchmarks/callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "bench_times",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "BENCH_TIMES": str(results),
        }
        command = ["ansible-playbook", "-i", str(INVENTORY), *arguments]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PlayError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        found: list[Object] = json.loads(results.read_text())
        return found


def play(tasks: list[Object], hosts: str = "nodes[0]", **variables: Any) -> list[Object]:
    """Run `tasks` on `hosts` and return their results."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        named = [{"name": f"Task {number}", **task} for number, task in enumerate(tasks)]
        play_ = {"name": "Benchmark", "hosts": hosts, "gather_facts": False, "vars": variables, "tasks": named}
        json.dump([play_], file)
        file.flush()
        return ansible(file.name)


def seconds(task: Object, hosts: str = "nodes[0]", **variables: Any) -> float:
    """How long one task takes, as the controller sees it, connection and transfer of the module included."""
    # The first task of a play opens the connection, and must not pay for it here.
    results = play([{"ansible.builtin.ping": {}}, task], hosts, **variables)
    return float(results[-1]["seconds"])


def install_measure(hosts: str) -> None:
    """Put the interpreter that measures modules on `hosts`, and begin with an empty log."""
    interpreter = (ROOT / "benchmarks/files/measure.py").read_text()
    copy = {"ansible.builtin.copy": {"content": interpreter, "dest": MEASURE, "mode": "0755"}}
    play([copy, {"ansible.builtin.file": {"path": MODULE_LOG, "state": "absent"}}], hosts)


@contextmanager
def interpreter_inventory() -> Iterator[str]:
    """An inventory, to be used beside the lab's, that makes the nodes use the measuring interpreter."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump({"nodes": {"vars": {"ansible_python_interpreter": MEASURE}}}, file)
        file.flush()
        yield file.name


def process(module: str, task: Object, hosts: str = "nodes[0]", **variables: Any) -> Process:
    """What the process of `module` took in `task`."""
    install_measure(hosts)
    measured = {**task, "vars": {"ansible_python_interpreter": MEASURE}}
    read = {"ansible.builtin.slurp": {"src": MODULE_LOG}}
    gone = {"ansible.builtin.command": f"rm {MODULE_LOG} {MEASURE}"}
    results = play([measured, read, gone], hosts, **variables)
    return processes(results[1]["result"]["content"])[module]


def processes(content: str) -> dict[str, Process]:
    """The highest values of each module in a log of lines `module KiB seconds`, as slurp returns it."""
    found: dict[str, Process] = {}
    for line in base64.b64decode(content).decode().splitlines():
        module, kibibytes, taken = line.split()
        before = found.get(module, Process(0, 0))
        found[module] = Process(max(before.memory, int(kibibytes) / 1024), max(before.seconds, float(taken)))
    return found
