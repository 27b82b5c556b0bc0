# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the other OSDs of a cluster can take over what some of them hold. Pure.

Private to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.cairn.hci.plugins.module_utils._resource import Object
from ansible_collections.cairn.hci.plugins.module_utils._status import human

# A rule of CRUSH whose replicas may share a host.
OSD = "osd"


def below(buckets: dict[int, Object], item: int) -> set[int]:
    """The OSDs below an item of CRUSH; OSDs have numbers from 0 on, buckets negative ones."""
    if item >= 0:
        return {item}
    children = buckets[item]["items"] if item in buckets else []
    return {osd for child in children for osd in below(buckets, child["id"])}


def subtree(buckets: dict[int, Object], item: int) -> Iterator[Object]:
    """A bucket and all buckets below it."""
    if item in buckets:
        yield buckets[item]
        for child in buckets[item]["items"]:
            yield from subtree(buckets, child["id"])


def domains(crush: Object, rule: Object) -> tuple[str, dict[str, set[int]]]:
    """What the replicas of a rule are kept apart by (such as `host`), and the OSDs of each such place."""
    buckets = {bucket["id"]: bucket for bucket in crush["buckets"]}
    root = next(step["item"] for step in rule["steps"] if step["op"] == "take")
    kind = str([step["type"] for step in rule["steps"] if step["op"].startswith("choose")][-1])
    if kind == OSD:
        return kind, {f"osd.{osd}": {osd} for osd in below(buckets, root)}
    places = (bucket for bucket in subtree(buckets, root) if bucket["type_name"] == kind)
    return kind, {bucket["name"].partition("~")[0]: below(buckets, bucket["id"]) for bucket in places}


def names(ids: set[int]) -> str:
    """OSDs as people call them."""
    return ", ".join(f"osd.{ident}" for ident in sorted(ids))


def obstacle(
    gone: set[int], osds: dict[int, Object], pools: list[Object], crush: Object, full: float = 0.85
) -> str | None:
    """Why the data of some OSDs can't go elsewhere, in a sentence; None when it can.

    `osds` has `up`, `in`, `size` and `used` by id, `pools` name, size and the id of the rule. `full` is the part of an
    OSD that may be used.
    """
    usable = {ident for ident, osd in osds.items() if osd["up"] and osd["in"]}
    rules = {rule["rule_id"]: rule for rule in crush["rules"]}
    for pool in pools:
        kind, places = domains(crush, rules[pool["crush_rule"]])
        rest = {place: ids & usable - gone for place, ids in places.items() if ids & usable - gone}
        if not gone & {osd for ids in places.values() for osd in ids}:
            continue
        if len(rest) < pool["size"]:
            name, what = pool["pool_name"], "OSDs" if kind == OSD else f"{kind}s with OSDs"
            return (
                f"The pool {name} keeps {pool['size']} copies on different {kind}s, and without {names(gone)} there "
                f"are {len(rest)} {what}; put a new disk in with playbooks/replace_disk.yml, add a disk, or lower "
                f"ceph_pools.{name}.size."
            )
        where = set().union(*places.values())
        used = sum(osds[osd]["used"] for osd in where if osd in osds)
        # Where each place has to hold a copy of everything, a small one is full first; else all share it.
        tight = len(rest) == pool["size"]
        for ids in rest.values() if tight else [set().union(*rest.values())]:
            need, size = used // pool["size"] if tight else used, sum(osds[osd]["size"] for osd in ids)
            if need > full * size:
                return (
                    f"The data of {names(gone)} does not fit on the others: {names(ids)} would have {human(need)}, "
                    f"and may hold {human(int(full * size))}; add a disk, or delete data."
                )
    return None
