# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator wants to see of the cluster: tables, and sentences about what is not as it shall be. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.cairn.hci.plugins.module_utils._resource import Object


def human(size: float) -> str:
    """A size in bytes with three digits at the most, such as `7.9 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} TiB"


def table(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    """Columns as wide as what is in them, a blank line after the last row."""
    texts = [header, *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts]
    return [*lines, ""]


def node_state(name: str, ha: Object | None) -> str:
    """What a node that answers is for the cluster that keeps VMs running; `up` without such a cluster."""
    if ha is None:
        return "up"
    state = ha["nodes"].get(name, {})
    for key, text in (("unclean", "TO BE FENCED"), ("maintenance", "in maintenance"), ("standby", "drained")):
        if state.get(key):
            return text
    return "online" if state.get("online") else "OFFLINE"


def node_row(name: str, facts: Object | None, ceph: Object, ha: Object | None) -> tuple[object, ...]:
    """One line of the table of nodes; `facts` is None for a node that does not answer."""
    own = [osd for osd in ceph.get("osds", []) if osd["host"] == name]
    monitor = (
        "-" if name not in ceph.get("monitors", []) else "in quorum" if name in ceph["quorum"] else "OUT OF QUORUM"
    )
    managers = ceph.get("managers", [])
    manager = "-" if name not in managers else "active" if managers[0] == name else "standby"
    if facts is None:
        return name, "DOES NOT ANSWER", "-", "-", monitor, manager, f"{sum(o['up'] for o in own)}/{len(own)} up", "-"
    running = sum(domain["active"] for domain in facts["domains"])
    return (
        name,
        node_state(name, ha),
        facts["cpus"],
        human(facts["memory"]),
        monitor,
        manager,
        f"{sum(osd['up'] for osd in own)}/{len(own)} up",
        f"{running}/{len(facts['domains'])} running",
    )


def osd_row(osd: Object) -> tuple[object, ...]:
    """One line of the table of OSDs."""
    state = "up" if osd["up"] else "DOWN"
    return osd["id"], osd["host"], osd["class"], state, human(osd["size"]), human(osd["used"])


def pool_row(pool: Object) -> tuple[object, ...]:
    """One line of the table of pools."""
    copies = f"{pool['size']} (at least {pool['min_size']})"
    return pool["name"], copies, human(pool["stored"]), human(pool["available"])


def vm_rows(nodes: Mapping[str, Object | None], wanted: Mapping[str, str]) -> list[tuple[object, ...]]:
    """Every VM of the inventory (name -> how to log in) and every domain of the nodes, sorted by name."""
    rows: list[tuple[object, ...]] = []
    found = set()
    for node, facts in nodes.items():
        for domain in (facts or {}).get("domains", []):
            found.add(domain["name"])
            state = "running" if domain["active"] else "stopped"
            login = wanted.get(domain["name"], "-")
            rows.append((domain["name"], node, state, domain["vcpus"], human(domain["memory"]), login))
    missing = "not running" if all(nodes.values()) else "UNKNOWN"
    rows += [(name, "-", missing, "-", "-", "-") for name in wanted if name not in found]
    return sorted(rows, key=lambda row: str(row[0]))


def headline(ceph: Object | None) -> list[str]:
    """Health, use and what is wrong, in words; `ceph` is None when no monitor answers."""
    if ceph is None:
        return ["Ceph DOES NOT ANSWER", ""]
    used, size = (sum(osd[field] for osd in ceph["osds"]) for field in ("used", "size"))
    return [f"Ceph {ceph['health']}, {human(used)} of {human(size)} used", *ceph["checks"], ""]


def ha_headline(ha: Object | None) -> list[str]:
    """Whether Pacemaker may act, and what failed, in words."""
    if ha is None:
        return []
    work = "with work to do" if ha["busy"] else "at rest"
    failed = [f"{name} failed: {failure}" for name, failure in sorted(ha["failures"].items())]
    return [f"Pacemaker {f'has a quorum, {work}' if ha['quorum'] else 'has NO QUORUM'}", *failed, ""]


def seen(resource: Object | None) -> str:
    """Where Pacemaker has a resource, and what it is doing with it."""
    if resource is None:
        return "-"
    where = ", ".join(resource["nodes"]) if resource["role"] == "Started" else str(resource["role"]).lower()
    notes = [text for text in (resource["pending"], "BLOCKED" if resource["blocked"] else None) if text]
    return f"{where} ({', '.join(notes)})" if notes else where


def fence_rows(ha: Object | None) -> list[tuple[object, ...]]:
    """The fence devices, and the node from which each is watched."""
    return [
        (
            name,
            one["agent"].removeprefix("stonith:"),
            "works" if one["role"] == "Started" else "DOES NOT WORK",
            seen(one),
        )
        for name, one in sorted((ha or {"resources": {}})["resources"].items())
        if str(one.get("agent")).startswith("stonith:")
    ]


def vm_table(nodes: Mapping[str, Object | None], wanted: Mapping[str, str], ha: Object | None) -> list[str]:
    """The VMs; with Pacemaker's view of them before the last column, where there is one."""
    header: tuple[str, ...] = ("VM", "NODE", "STATE", "VCPUS", "MEMORY", "LOG IN WITH")
    rows = vm_rows(nodes, wanted)
    if ha is not None:
        header = (*header[:-1], "PACEMAKER", header[-1])
        rows = [(*row[:-1], seen(ha["resources"].get(f"vm-{row[0]}")), row[-1]) for row in rows]
    return table(header, rows)


def status(
    nodes: Mapping[str, Object | None], ceph: Object | None, wanted: Mapping[str, str], ha: Object | None = None
) -> list[str]:
    """The whole cluster as lines of text. `ceph` is None when no monitor answers, `ha` when no Pacemaker does."""
    known, fencing = ceph or {}, fence_rows(ha)
    node_rows = (node_row(name, facts, known, ha) for name, facts in nodes.items())
    osd_rows = (osd_row(osd) for osd in known.get("osds", []))
    pool_rows = (pool_row(pool) for pool in known.get("pools", []))
    return [
        *headline(ceph),
        *ha_headline(ha),
        *table(("NODE", "STATE", "CPUS", "MEMORY", "MONITOR", "MANAGER", "OSDS", "VMS"), node_rows),
        *table(("OSD", "NODE", "CLASS", "STATE", "SIZE", "USED"), osd_rows),
        *table(("POOL", "COPIES", "STORED", "AVAILABLE"), pool_rows),
        *(table(("FENCE DEVICE", "AGENT", "STATE", "WATCHED FROM"), fencing) if fencing else []),
        *vm_table(nodes, wanted, ha),
    ]


def ceph_problems(ceph: Object, addresses: Mapping[str, str]) -> list[str]:
    """What is wrong with the storage; `addresses` has those of the nodes in its network."""
    problems = [] if ceph["health"] == "HEALTH_OK" else [f"Ceph says {ceph['health']}.", *ceph["checks"]]
    problems += [f"The monitor of {name} is out of quorum." for name in ceph["monitors"] if name not in ceph["quorum"]]
    problems += [
        f"osd.{osd['id']} on {osd['host']} is down: see 'journalctl -u ceph-osd@{osd['id']}' there, or, if its disk is "
        f"gone for good, 'ceph osd purge {osd['id']} --yes-i-really-mean-it'."
        for osd in ceph["osds"]
        if not osd["up"]
    ]
    problems += [
        f"{name} is fenced at the storage, so its guests can't write; lift it with 'systemctl restart pacemaker' there."
        for name, address in addresses.items()
        if address in ceph["fenced"]
    ]
    return problems


def vm_problems(vms: Mapping[str, Object], domains: Mapping[str, list[Object]]) -> list[str]:
    """Which VMs are not where and how the plan says. `domains` holds those of the nodes that were asked."""
    problems = []
    places: dict[str, dict[str, Object]] = {}
    for node, found in domains.items():
        for domain in found:
            places.setdefault(domain["name"], {})[node] = domain
    for name, vm in vms.items():
        there = places.get(name, {})
        if vm.get("ha"):
            problems += protected_problems(name, vm, {node: domain["power"] for node, domain in there.items()}, domains)
            continue
        if others := sorted(set(there) - ({vm["node"]} if vm["state"] == "present" else set())):
            problems.append(f"{name} is defined on {', '.join(others)} where it shall not be.")
        if vm["state"] == "absent" or vm["node"] not in domains:
            continue
        power = there.get(vm["node"], {}).get("power", "not defined")
        if vm["power"] not in (None, power):
            problems.append(f"{name} is {power} on {vm['node']}; it shall be {vm['power']}.")
    return problems


def protected_problems(name: str, vm: Object, powers: Mapping[str, str], asked: Iterable[str]) -> list[str]:
    """What is wrong with a VM whose node the cluster chooses: `powers` has its state by node, `asked` who told."""
    running = sorted(node for node, power in powers.items() if power != "stopped")
    left = sorted(powers.keys() - running)
    problems = [f"{name} is defined on {', '.join(left)} where it shall not be."] if left else []
    if vm["state"] == "absent":
        return problems + ([f"{name} runs on {', '.join(running)}; it shall not exist."] if running else [])
    if len(running) > 1:
        return [*problems, f"{name} runs on {', '.join(running)} at once; stop it on all but one of them."]
    if running and running[0] not in vm["nodes"]:
        problems.append(f"{name} runs on {running[0]}; it may only on {', '.join(vm['nodes'])}.")
    power = powers[running[0]] if running else "stopped"
    known = running or set(vm["nodes"]) <= set(asked)
    if known and vm["power"] not in (None, power):
        problems.append(f"{name} is {power}{f' on {running[0]}' if running else ''}; it shall be {vm['power']}.")
    return problems
