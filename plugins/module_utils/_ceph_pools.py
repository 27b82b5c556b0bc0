# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replicated pools of a Ceph cluster.

Private to the collection.
"""

from __future__ import annotations

import errno
import importlib
import itertools
import time
from contextlib import suppress

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource, CommandError, librados
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError

# What RBD keeps in a pool that has no image.
BOOKKEEPING = {"rbd_info", "rbd_directory", "rbd_children", "rbd_trash", "rbd_mirroring", "rbd_namespace", "rbd_task"}
DELETE = {"who": "mon", "name": "mon_allow_pool_delete"}
# The order in which pool variables are set: size before min_size.
VARIABLES = ("crush_rule", "size", "min_size", "pg_autoscale_mode", "pg_num", "target_size_ratio")


def to_dict(pool: Object, rules: dict[int, str]) -> Object:
    """A pool as `osd pool ls detail` tells it."""
    return {
        "name": pool["pool_name"],
        "size": pool["size"],
        "min_size": pool["min_size"],
        "pg_num": pool.get("pg_num_target", pool["pg_num"]),
        "pg_autoscale_mode": pool["pg_autoscale_mode"],
        "crush_rule": rules.get(pool["crush_rule"]),
        "target_size_ratio": pool["options"].get("target_size_ratio", 0.0),
        "application": next(iter(pool["application_metadata"]), None),
    }


class CephPool(CephResource):
    """Pools, and the CRUSH rule for a class of devices where one is asked for."""

    plural = "pools"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the pools. Those to be removed come with what `holds` them."""
        rules = {rule["rule_id"]: rule["rule_name"] for rule in self.cluster.command({"prefix": "osd crush rule dump"})}
        pools = self.cluster.command({"prefix": "osd pool ls", "detail": "detail"})
        found = {pool["pool_name"]: to_dict(pool, rules) for pool in pools}
        if wanted is None:
            return found
        chosen = {item["name"]: found[item["name"]] for item in wanted if item["name"] in found}
        for item in wanted:
            if item.get("state") == "absent" and item["name"] in chosen:
                chosen[item["name"]]["holds"] = self.contents(item["name"])
        return chosen

    def contents(self, name: str) -> list[str]:
        """The images of a pool, or a few of its objects where it has other ones."""
        with self.cluster.ioctx(name) as ioctx:
            try:
                images = list(importlib.import_module("rbd").RBD().list(ioctx))
            except ImportError:
                images = []
            objects = (item.key for item in ioctx.list_objects() if item.key not in BOOKKEEPING)
            return sorted(images) or list(itertools.islice(objects, 3))

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """A class of devices means the rule for it. A pool that sizes itself keeps the number that it chose."""
        name, size, low = wanted["name"], wanted.get("size"), wanted.get("min_size")
        if size and low and low > size:
            raise ResourceError(f"Pool {name}: min_size {low} is larger than size {size}.")
        options = {key: wanted.get(key) for key in (*VARIABLES, "application", "state")}
        if wanted.get("device_class"):
            options["crush_rule"] = f"replicated_{wanted['device_class']}"
        mode = wanted.get("pg_autoscale_mode") or (current or {}).get("pg_autoscale_mode")
        if current is not None and mode == "on":
            options["pg_num"] = None
        return options | {"name": name, "device_class": wanted.get("device_class"), "force": wanted.get("force")}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Compare field by field; a pool with data is removed only with `force`."""
        if wanted["state"] == "absent" and current and current.get("holds") and not wanted["force"]:
            raise ResourceError(
                f"Pool {wanted['name']} is not empty ({', '.join(current['holds'][:5])}); remove its images first, or "
                "give force: true to destroy them."
            )
        fields = {key: wanted[key] for key in (*VARIABLES, "application", "state")}
        return super().plan(current, fields)

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Make, change or remove one pool."""
        name = wanted["name"]
        if wanted["state"] == "absent":
            self.remove(name)
            return
        fields = {change.field: change.after for change in changes}
        if wanted["device_class"] and "crush_rule" in fields:
            rule = {"name": fields["crush_rule"], "root": "default", "type": "host", "class": wanted["device_class"]}
            self.cluster.command({"prefix": "osd crush rule create-replicated", **rule})
        if current is None:
            self.create(name, fields)
        for variable in VARIABLES:
            if variable in fields:
                self.set_variable(name, variable, fields[variable])
        if "application" in fields:
            consent = {"yes_i_really_mean_it": True} if current and current["application"] else {}
            enable = {"prefix": "osd pool application enable", "pool": name, "app": fields["application"]}
            self.cluster.command(enable | consent)
            if fields["application"] == "rbd":
                self.initialise(name)

    def set_variable(self, name: str, variable: str, value: str | int | float) -> None:
        """Set a variable. A single copy needs the monitors' mon_allow_pool_size_one, and consent: it was asked for."""
        consent = {"yes_i_really_mean_it": True} if (variable, value) == ("size", 1) else {}
        setting = {"prefix": "osd pool set", "pool": name, "var": variable, "val": str(value)}
        self.cluster.command(setting | consent)

    def initialise(self, name: str) -> None:
        """Do what `rbd pool init` does. Where it fails, the first image does it, and waits for it a second or two."""
        try:
            rbd = importlib.import_module("rbd")
        except ImportError:
            return
        with suppress(rbd.Error, librados().Error):
            self.cluster.rados.wait_for_latest_osdmap()
            with self.cluster.ioctx(name) as ioctx:
                rbd.RBD().pool_init(ioctx, True)

    def create(self, name: str, fields: Object) -> None:
        """Make a pool; what was given for its creation need not be set again."""
        command: Object = {"prefix": "osd pool create", "pool": name, "pool_type": "replicated"}
        if fields.get("pg_num"):
            command["pg_num"] = fields.pop("pg_num")
        if fields.get("pg_autoscale_mode"):
            command["autoscale_mode"] = fields.pop("pg_autoscale_mode")
        if fields.get("crush_rule"):
            command["rule"] = fields.pop("crush_rule")
        self.cluster.command(command)

    def remove(self, name: str) -> None:
        """Remove a pool, for which the monitors have to be told that it is meant; they are told the contrary again."""
        dump = self.cluster.command({"prefix": "config dump"})
        before = [e["value"] for e in dump if (e["section"], e["name"]) == (DELETE["who"], DELETE["name"])]
        self.cluster.command({"prefix": "config set", **DELETE, "value": "true"})
        try:
            self.delete(name, time.monotonic() + self.params["timeout"])
        finally:
            if before:
                self.cluster.command({"prefix": "config set", **DELETE, "value": before[0]})
            else:
                self.cluster.command({"prefix": "config rm", **DELETE})

    def delete(self, name: str, deadline: float) -> None:
        """Delete as soon as the monitors have heard of the permission, which takes a moment."""
        command = {"prefix": "osd pool delete", "pool": name, "pool2": name, "yes_i_really_really_mean_it": True}
        while True:
            try:
                self.cluster.command(command)
            except CommandError as error:
                if error.number != errno.EPERM or time.monotonic() > deadline:
                    raise
                time.sleep(0.25)
            else:
                return
