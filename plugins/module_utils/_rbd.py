# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shall become of an RBD image: the plan. Pure: no I/O.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError, remove
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size

# An import writes to NAME.cairn-import and is renamed when complete: what bears this suffix is never a whole image.
UNFINISHED = ".cairn-import"
CHECKSUM = "cairn.source_checksum"
ORIGIN = "cairn.clone_of"

# Bits of the feature mask, in the spelling of `rbd feature` (src/include/rbd/features.h).
FEATURES = {
    "layering": 1,
    "exclusive-lock": 4,
    "object-map": 8,
    "fast-diff": 16,
    "deep-flatten": 32,
    "journaling": 64,
}
FIXED = {"layering"}
ONLY_DISABLE = {"deep-flatten"}


def feature_names(mask: int) -> list[str]:
    """The features in `mask` that can be chosen; Ceph sets others by itself."""
    return sorted(name for name, bit in FEATURES.items() if mask & bit)


def feature_mask(names: list[str]) -> int:
    """The mask of the features `names`."""
    return sum(FEATURES[name] for name in names)


def path_of(item: Object) -> str:
    """The image as Ceph writes it: `pool/name`."""
    return f"{item['pool']}/{item['name']}"


def plan(current: Object | None, wanted: Object, parent_size: int | None = None) -> list[Change]:
    """Return the changes of one image; `parent_size` is that of the snapshot to clone, where it exists."""
    where = f"Image {path_of(wanted)}"
    if wanted["state"] == "absent":
        return plan_absent(where, current)
    if current is None or current.get("unfinished"):
        return plan_new(where, wanted, parent_size)
    check_origin(where, current, wanted)
    return [
        *plan_size(where, current, wanted),
        *plan_features(where, current, wanted),
        *plan_metadata(current, wanted),
        *plan_snapshots(where, current, wanted),
        *plan_flatten(current, wanted),
    ]


def plan_absent(where: str, current: Object | None) -> list[Change]:
    """Remove the image, unless someone uses it."""
    if current is None:
        return []
    if current["watchers"]:
        raise ResourceError(
            f"{where} is in use by {users(current)}: stop what uses it (a VM, a mapped device), then run again. "
            "Ceph forgets a client that died after 30 s."
        )
    for snapshot in current.get("children", {}):
        refuse_clones(where, current, snapshot)
    return remove()


def users(current: Object) -> str:
    """The clients that hold the image open, for an error."""
    return ", ".join(
        f"{watcher['client']} at {watcher['address']}" + (f" ({watcher['host']})" if watcher.get("host") else "")
        for watcher in current["watchers"]
    )


def refuse_clones(where: str, current: Object, snapshot: str) -> None:
    """Raise ResourceError where `snapshot` has clones."""
    if clones := current.get("children", {}).get(snapshot):
        raise ResourceError(
            f"{where}: its snapshot {snapshot} has the clones {', '.join(clones)}: remove or flatten them first."
        )


def plan_new(where: str, wanted: Object, parent_size: int | None) -> list[Change]:
    """The image as it will be."""
    if not (wanted["size"] or wanted["parent"] or wanted.get("source")):
        raise ResourceError(f"{where} does not exist: give its size, or clone_of or source to make it from.")
    if wanted["size"] and parent_size and wanted["size"] < parent_size:
        raise ResourceError(
            f"{where}: {format_size(wanted['size'])} is smaller than {wanted['parent']}, of which it shall be a clone "
            f"({format_size(parent_size)}): give at least that size."
        )
    metadata = {key: value for key, value in wanted["metadata"].items() if value is not None}
    if wanted.get("source") and wanted["checksum"]:
        metadata[CHECKSUM] = wanted["checksum"]
    fields = {
        "size": wanted["size"] or parent_size,
        "parent": None if wanted.get("flatten") else wanted["parent"],
        "features": wanted["features"],
        "data_pool": wanted.get("data_pool"),
        "metadata": metadata,
        "snapshots": wanted["snapshots"],
        "protected": wanted["protected"],
    }
    return [Change(field, None, value, "create") for field, value in fields.items() if value]


def check_origin(where: str, current: Object, wanted: Object) -> None:
    """Raise ResourceError where the image was made from something else, or elsewhere, than it should."""
    metadata = current["metadata"]
    if wanted["parent"] and wanted["parent"] != (current["parent"] or metadata.get(ORIGIN)):
        actual = f"a clone of {current['parent']}" if current["parent"] else "no clone"
        raise ResourceError(
            f"{where} is {actual}, not a clone of {wanted['parent']}: use another name, or remove the image first."
        )
    if wanted.get("source") and wanted["checksum"] and metadata.get(CHECKSUM) != wanted["checksum"]:
        raise ResourceError(
            f"{where} was made from a source with {metadata.get(CHECKSUM, 'an unknown checksum')}, "
            f"not {wanted['checksum']}: use another name, or remove the image first."
        )
    if wanted.get("data_pool") and wanted["data_pool"] != current["data_pool"]:
        raise ResourceError(
            f"{where} keeps its data in the pool {current['data_pool'] or wanted['pool']}, not {wanted['data_pool']}; "
            "this is fixed when an image is made."
        )


def plan_size(where: str, current: Object, wanted: Object) -> list[Change]:
    """Grow the image; never shrink it."""
    before, after = current["size"], wanted["size"] or current["size"]
    if after < before:
        raise ResourceError(
            f"{where} is {format_size(before)} and is not shrunk to {format_size(after)}, which would cut off data: "
            f"give at least {format_size(before)}."
        )
    return [Change("size", before, after, "grow")] if after > before else []


def plan_features(where: str, current: Object, wanted: Object) -> list[Change]:
    """Switch the features that can be switched on an existing image."""
    before, after = current["features"], wanted["features"]
    if after is None or after == before:
        return []
    fixed = (set(before) ^ set(after)) & FIXED | (set(after) - set(before)) & ONLY_DISABLE
    if fixed:
        raise ResourceError(
            f"{where}: the feature {min(fixed)} is chosen when an image is made; it can't be changed now."
        )
    return [Change("features", before, after)]


def plan_metadata(current: Object, wanted: Object) -> list[Change]:
    """Set the keys that were given, remove those given as null, leave the others."""
    before = current["metadata"]
    after = {key: value for key, value in (before | wanted["metadata"]).items() if value is not None}
    return [Change("metadata", before, after)] if after != before else []


def plan_snapshots(where: str, current: Object, wanted: Object) -> list[Change]:
    """Make, protect, unprotect and remove snapshots; those not named are left alone."""
    before, locked = current["snapshots"], current["protected"]
    gone = set(wanted["snapshots_absent"]) & set(before)
    if both := set(wanted["snapshots"]) & set(wanted["snapshots_absent"]):
        raise ResourceError(f"{where}: the snapshot {min(both)} shall both exist and be absent.")
    open_ = set() if wanted["protected"] is None else set(wanted["snapshots"]) - set(wanted["protected"])
    for snapshot in sorted(gone | open_ & set(locked)):
        refuse_clones(where, current, snapshot)
    after = sorted(set(before) - gone | set(wanted["snapshots"]))
    locked_after = sorted(set(locked) - gone - open_ | set(wanted["protected"] or []))
    changes = [Change("snapshots", before, after)] if after != before else []
    return changes + ([Change("protected", locked, locked_after)] if locked_after != locked else [])


def plan_flatten(current: Object, wanted: Object) -> list[Change]:
    """Copy what the clone still shares with its parent, so that it needs the parent no more."""
    return [Change("parent", current["parent"], None, "flatten")] if wanted.get("flatten") and current["parent"] else []


def shows_users(item: Object) -> bool:
    """Whether the hosts that use `item` are of interest: before its removal, and to those who only read."""
    return bool(item.get("state", "absent") == "absent")


def endangered(current: Object, item: Object) -> list[str]:
    """The snapshots whose clones matter: all to those who only read, else those that `item` may remove or unprotect."""
    if shows_users(item):
        return list(current["snapshots"])
    absent, protected = item.get("snapshots_absent") or [], item.get("protected")
    loose = [] if protected is None else set(item.get("snapshots") or []) - set(protected)
    return [name for name in current["snapshots"] if name in absent or (name in loose and name in current["protected"])]
