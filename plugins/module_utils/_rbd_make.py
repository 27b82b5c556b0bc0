# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making, changing and removing RBD images.

Private to the collection.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from ansible_collections.cairn.hci.plugins.module_utils._rbd import CHECKSUM, UNFINISHED, feature_mask, path_of
from ansible_collections.cairn.hci.plugins.module_utils._rbd_import import copy_qcow2, copy_raw, qemu_target
from ansible_collections.cairn.hci.plugins.module_utils._rbd_options import split_snapshot
from ansible_collections.cairn.hci.plugins.module_utils._rbd_read import Pools
from ansible_collections.cairn.hci.plugins.module_utils._rbd_source import Source
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError


class Maker:
    """Carries out plans. Every method may raise the binding's errors."""

    def __init__(self, pools: Pools) -> None:
        """Use these pools."""
        self.pools = pools
        self.rbd = pools.rbd
        self.api = pools.rbd.RBD()
        self.defaults: dict[str, int | None] = {}

    def create(self, wanted: Object, changes: list[Change], source: Source | None) -> None:
        """Make an image: from a file, from a snapshot, or empty."""
        rest = [change for change in changes if change.field in {"metadata", "snapshots", "protected"}]
        if source:
            self.import_file(wanted, source)
        elif wanted["parent"]:
            pool, name, snapshot = split_snapshot(wanted["parent"], wanted["pool"])
            options = {key: value for key, value in self.creation(wanted).items() if key != "old_format"}
            self.api.clone(self.pools[pool], name, snapshot, self.pools[wanted["pool"]], wanted["name"], **options)
            rest += [change for change in changes if change.field == "size"]
            if wanted.get("flatten"):
                rest.append(Change("parent", wanted["parent"], None, "flatten"))
        else:
            self.new(wanted, wanted["name"], wanted["size"])
        if rest:
            self.change(wanted, rest)

    def new(self, wanted: Object, name: str, size: int) -> None:
        """Make an empty image."""
        self.api.create(self.pools[wanted["pool"]], name, size, **self.creation(wanted))

    def creation(self, wanted: Object) -> Object:
        """The options that are fixed when an image is made."""
        features = wanted["features"]
        mask = self.default_features(wanted["pool"]) if features is None else feature_mask(features)
        return {"features": mask, "data_pool": wanted.get("data_pool"), "old_format": False}

    def default_features(self, pool: str) -> int | None:
        """The features of a pool's new images, asked for once; where None, librbd asks the OSDs for every image."""
        if pool not in self.defaults:
            found = {option["name"]: option["value"] for option in self.api.config_list(self.pools[pool])}
            text = found.get("rbd_default_features", "")
            self.defaults[pool] = int(text) if text.isdecimal() else None
        return self.defaults[pool]

    def import_file(self, wanted: Object, source: Source) -> None:
        """Write a file's content under a name for unfinished images, and rename the image when it is whole."""
        pool, name = self.pools[wanted["pool"]], wanted["name"] + UNFINISHED
        self.new(wanted, name, source.size)
        try:
            if source.format == "qcow2":
                copy_qcow2(source, qemu_target(self.pools.cluster, wanted["pool"], name))
            with self.rbd.Image(pool, name) as image:
                if source.format == "raw":
                    copy_raw(source, image)
                self.set_size(image, wanted["size"] or source.size)
                if source.checksum:
                    image.metadata_set(CHECKSUM, source.checksum)
            self.api.rename(pool, name, wanted["name"])
        except (ResourceError, self.rbd.Error):
            # Best effort: what stays is recognised by its name and removed by the next run.
            with suppress(self.rbd.Error):
                self.api.remove(pool, name)
            raise

    def change(self, wanted: Object, changes: list[Change]) -> None:
        """Carry out the changes of an existing image."""
        fields = {change.field: change for change in changes}
        with self.rbd.Image(self.pools[wanted["pool"]], wanted["name"]) as image:
            if "size" in fields:
                self.set_size(image, fields["size"].after)
            if "features" in fields:
                set_features(image, fields["features"])
            if "metadata" in fields:
                set_metadata(image, fields["metadata"])
            set_snapshots(image, fields.get("snapshots"), fields.get("protected"))
            if "parent" in fields:
                image.flatten()

    def set_size(self, image: Any, size: int) -> None:
        """Grow an image; one that is made from something has its size already."""
        if size > image.size():
            image.resize(size)

    def remove(self, wanted: Object, current: Object) -> None:
        """Move an image to the trash, or delete it with its snapshots where that was asked for."""
        pool, name = self.pools[wanted["pool"]], wanted["name"]
        if current.get("unfinished") == "import":
            self.api.remove(pool, name + UNFINISHED)
        elif current.get("unfinished"):
            self.remove_half(wanted)
        elif wanted["trash"]:
            self.api.trash_move(pool, name, wanted["trash_delay"])
        else:
            with self.rbd.Image(pool, name) as image:
                for entry in list(image.list_snaps()):
                    if image.is_protected_snap(entry["name"]):
                        image.unprotect_snap(entry["name"])
                    image.remove_snap(entry["name"])
            self.api.remove(pool, name)

    def remove_half(self, wanted: Object) -> None:
        """Remove an image whose making was cut short, unless it was finished meanwhile."""
        number = self.pools.images(wanted["pool"]).get(wanted["name"])
        if number and self.pools.describe(wanted, number).get("unfinished"):
            self.api.remove(self.pools[wanted["pool"]], wanted["name"])

    def finished_elsewhere(self, wanted: Object, current: Object, seconds: int) -> bool:
        """Remove what is left of a making that was cut short, so that it can begin again.

        An import under way, or one whose process died less than 30 s ago, is waited for; it may end well. Return
        whether it did.
        """
        if current["unfinished"] != "import":
            self.remove_half(wanted)
            return False
        deadline = time.monotonic() + seconds
        while wanted["name"] not in self.pools.images(wanted["pool"]):
            try:
                self.api.remove(self.pools[wanted["pool"]], wanted["name"] + UNFINISHED)
            except self.rbd.ImageNotFound:
                return wanted["name"] in self.pools.images(wanted["pool"])
            except self.rbd.ImageBusy as error:
                if time.monotonic() > deadline:
                    raise ResourceError(
                        f"Image {path_of(wanted)} is still being imported by another client after {seconds} s: see "
                        f"'rbd status {path_of(wanted)}{UNFINISHED}'."
                    ) from error
                time.sleep(1)
            else:
                return False
        return True


def set_features(image: Any, change: Change) -> None:
    """Switch features on and off."""
    before, after = set(change.before), set(change.after)
    for names, on in ((before - after, False), (after - before, True)):
        if names:
            image.update_features(feature_mask(sorted(names)), on)


def set_metadata(image: Any, change: Change) -> None:
    """Write and remove metadata."""
    before, after = change.before or {}, change.after
    for key in before.keys() - after.keys():
        image.metadata_remove(key)
    for key, value in after.items() - before.items():
        image.metadata_set(key, value)


def set_snapshots(image: Any, snapshots: Change | None, protected: Change | None) -> None:
    """Unprotect, remove, make and protect snapshots, in this order."""
    before, after = both(snapshots)
    locked, locked_after = both(protected)
    for name in sorted(locked - locked_after):
        image.unprotect_snap(name)
    for name in sorted(before - after):
        image.remove_snap(name)
    for name in sorted(after - before):
        image.create_snap(name)
    for name in sorted(locked_after - locked):
        image.protect_snap(name)


def both(change: Change | None) -> tuple[set[str], set[str]]:
    """A list before and after a change."""
    return (set(change.before or []), set(change.after)) if change else (set(), set())
