"""The peak memory of every module process of an unchanged run of site.yml.

Run on a converged lab. The modules' peaks with 1,000 domains and 500 images are in domains.py and images.py.
"""

from __future__ import annotations

from _bench import MODULE_LOG, Bench, ansible, install_measure, interpreter_inventory, play, processes


def main() -> None:
    """Measure."""
    bench = Bench("memory")
    install_measure("nodes")
    with interpreter_inventory() as inventory:
        ansible("-i", inventory, "playbooks/site.yml")
    results = play([{"ansible.builtin.slurp": {"src": MODULE_LOG}}], "nodes")
    peaks: dict[str, float] = {}
    for result in results:
        for module, process in processes(result["result"]["content"]).items():
            peaks[module] = max(peaks.get(module, 0), process.memory)
    for module, peak in sorted(peaks.items()):
        bench.add(f"peak memory of {module}", [peak], "MB", target="150 MB")
    play([{"ansible.builtin.file": {"path": MODULE_LOG, "state": "absent"}}], "nodes")
    bench.finish()


if __name__ == "__main__":
    main()
