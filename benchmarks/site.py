"""From bare nodes to running virtual machines, by phase; then the same again, unchanged.

Removes the lab of the inventory and makes it anew, with the root file system and the guest image from the cache. The
lab stays, converged.
"""

from __future__ import annotations

import subprocess
import sys
import time

from _bench import INVENTORY, ROOT, Bench, Object, ansible, repeat

PLAYBOOK = "playbooks/site.yml"


def lab(verb: str) -> float:
    """Run a verb of the lab; return the seconds."""
    start = time.monotonic()
    subprocess.run([sys.executable, ROOT / "lab/lab.py", verb, "-i", INVENTORY], check=True, stdout=sys.stderr)
    return time.monotonic() - start


def site() -> tuple[float, list[Object]]:
    """Run site.yml; return the seconds, and all results."""
    start = time.monotonic()
    results = ansible(PLAYBOOK)
    return time.monotonic() - start, results


def phases(results: list[Object]) -> dict[str, float]:
    """The seconds of each role, from the start of its first task to the end of its last, in the order of site.yml."""
    spans: dict[str, tuple[float, float]] = {}
    for result in results:
        name = result["role"].rpartition(".")[2]
        if name:
            start, end = spans.get(name, (result["start"], result["end"]))
            spans[name] = min(start, result["start"]), max(end, result["end"])
    return {name: end - start for name, (start, end) in sorted(spans.items(), key=lambda item: item[1])}


def changed(results: list[Object]) -> int:
    """How many tasks changed something."""
    return sum(bool(result["result"].get("changed")) for result in results)


def main() -> None:
    """Measure."""
    bench = Bench("site")
    lab("down")
    image = lab("guest-image")
    nodes = lab("up")
    total, results = site()
    for name, taken in phases(results).items():
        bench.add(f"first run, {name}", [taken], "s")
    bench.add("first run of site.yml", [total], "s")
    bench.add(
        "bare machine to running VMs", [image + nodes + total], "s", target="360 s", note="caches warm; lab included"
    )

    runs: list[list[Object]] = []

    def again() -> float:
        taken, found = site()
        runs.append(found)
        return taken

    bench.add("unchanged run of site.yml", repeat(3, again), "s", target="30 s")
    for name in phases(runs[0]):
        bench.add(f"unchanged run, {name}", [phases(run)[name] for run in runs], "s")
    bench.add("changed tasks in unchanged runs", [float(changed(run)) for run in runs], "tasks", target="0")
    bench.finish()


if __name__ == "__main__":
    main()
