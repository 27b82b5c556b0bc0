# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The monitor of a node.

Private to the collection.
"""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _ceph_daemon as daemon
from ansible_collections.cairn.hci.plugins.module_utils import _ceph_node as node
from ansible_collections.cairn.hci.plugins.module_utils._ceph import Cluster
from ansible_collections.cairn.hci.plugins.module_utils._resource import (
    Change,
    Object,
    Resource,
    ResourceError,
    create,
)

STORES = Path("/var/lib/ceph/mon")
CONF = Path("/etc/ceph/ceph.conf")


def bracketed(address: str) -> str:
    """An address as it stands before a port."""
    return f"[{address}]" if ":" in address else address


def endpoints(address: str) -> str:
    """Both protocols of a monitor at `address`, as monmaptool wants them."""
    host = bracketed(address)
    return f"[v2:{host}:3300,v1:{host}:6789]"


def host(member: Object) -> str:
    """The address of a member of a monmap without its port."""
    text: str = member["public_addrs"]["addrvec"][0]["addr"]
    return text.rpartition(":")[0].strip("[]")


def to_dict(name: str, store: bool, status: Object | None, unit: Object) -> Object | None:
    """What the monitor is; None where it has no store. `status` is what it answers, None while it is stopped."""
    if not store:
        return None
    monmap = (status or {}).get("monmap", {})
    return {
        "name": name,
        "fsid": monmap.get("fsid"),
        "mon_state": status["state"] if status else "stopped",
        "members": [{"name": mon["name"], "address": host(mon)} for mon in monmap.get("mons", [])],
        **unit,
    }


class CephMon(Resource):
    """The store of a monitor, and its unit."""

    plural = "mons"

    def __init__(self, params: Object) -> None:
        """Keep the parameters."""
        super().__init__(params)
        self.lock = node.Lock(params["timeout"])

    def open(self) -> None:
        """Wait for what an earlier run still does here."""
        self.lock.take()

    def close(self) -> None:
        """Let the next one in."""
        self.lock.release()

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the monitors that have a store here; what a stopped one belongs to is in ceph.conf."""
        names = [item["name"] for item in wanted] if wanted is not None else [node.mon_store()]
        found = {}
        for name in filter(None, names):
            store = (STORES / f"ceph-{name}" / "store.db").exists()
            mon = to_dict(name, store, node.mon_status(name) if store else None, daemon.unit(f"ceph-mon@{name}"))
            if mon is not None:
                mon["fsid"] = mon["fsid"] or node.parse_conf(CONF.read_text() if CONF.exists() else "")["fsid"]
                found[name] = mon | (self.secrets(name) if self.params.get("with_key") else {})
        return found

    def secrets(self, name: str) -> Object:
        """The monitors' own key, and the map where one can be had: what a further monitor needs."""
        path = STORES / f"ceph-{name}" / "keyring"
        options = {"conf": str(CONF), "client": "mon.", "keyring": str(path), "timeout": self.params["timeout"]}
        monmap = None
        if (node.mon_status_voted(name) or {}).get("quorum"):
            with Cluster(options) as cluster:
                monmap = base64.b64encode(cluster.output({"prefix": "mon getmap"})).decode()
        return {"key": daemon.secret_in(path), "monmap": monmap}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Make the store, enable and start; refuse a store of another cluster and another address."""
        name = wanted["name"]
        if wanted["state"] == "absent":
            if current and [mon["name"] for mon in current["members"]] == [name]:
                raise ResourceError(f"{name} is the last monitor of its cluster; it stays.")
            return super().plan(current, wanted)
        if current is None:
            changes = create({"fsid": wanted["fsid"], "members": wanted["members"]})
        else:
            changes = []
            self.check(current, wanted)
        now = current or {"enabled": False, "running": False}
        return changes + [Change(f, False, True) for f in ("enabled", "running") if not now[f]]

    def check(self, current: Object, wanted: Object) -> None:
        """Raise ResourceError for what can't be changed in place."""
        name = wanted["name"]
        if current["fsid"] and wanted["fsid"] not in (None, current["fsid"]):
            raise ResourceError(f"The monitor {name} is of the cluster {current['fsid']}, not of {wanted['fsid']}.")
        addresses = {member["name"]: member["address"] for member in current["members"]}
        shall = {member["name"]: member["address"] for member in wanted["members"] or []}
        # Until it has joined, a monitor is known by 0.0.0.0 or not at all.
        if name in shall and addresses.get(name, "0.0.0.0") not in ("0.0.0.0", "", "::", shall[name]):
            raise ResourceError(
                f"The monitor {name} has the address {addresses[name]}, the inventory says {shall[name]}: a monitor "
                "keeps its address; remove it (state: absent) while the others run, and let it join anew."
            )

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Carry out the plan; the store gets its name only when it is complete."""
        name = wanted["name"]
        if wanted["state"] == "absent":
            self.remove(name)
            return
        if current is None:
            self.make_store(wanted)
        daemon.start(f"ceph-mon@{name}")
        complaint = f"The monitor {name} did not start (see 'journalctl -u ceph-mon@{name}')"
        daemon.wait(lambda: node.mon_status(name) is not None, self.params["timeout"], complaint)

    def make_store(self, wanted: Object) -> None:
        """Make the store beside its place, then move it there, so that there is never half a store."""
        name, seconds = wanted["name"], self.params["timeout"]
        store, draft = STORES / f"ceph-{name}", STORES / f".ceph-{name}.new"
        if not (wanted["key"] or wanted["bootstrap"]):
            raise ResourceError(
                f"The monitor {name} needs the key of the others to join; bootstrap: true makes a new one."
            )
        if store.exists() and any(store.iterdir()):
            raise ResourceError(f"{store} has files but no store.db; move it away, then run again.")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        monmap, keys, data = draft / "monmap", draft / "keyring", draft / "data"
        data.mkdir(mode=0o750)
        secret = wanted["key"] or daemon.new_secret()
        keys.write_text(daemon.keyring("mon.", secret, {"mon": "allow *"}), encoding="utf-8")
        if wanted["monmap"]:
            monmap.write_bytes(base64.b64decode(wanted["monmap"]))
        else:
            self.make_map(monmap, wanted)
        for path in (draft, monmap, keys, data):
            shutil.chown(path, "ceph", "ceph")
        command = ["ceph-mon", "--mkfs", "--id", name, "--monmap", str(monmap), "--keyring", str(keys)]
        command += ["--mon-data", str(data), "--setuser", "ceph", "--setgroup", "ceph"]
        daemon.run(*command, seconds=seconds)
        os.sync()
        data.rename(store)
        shutil.rmtree(draft)

    def make_map(self, path: Path, wanted: Object) -> None:
        """Write the map of a cluster's first monitors."""
        command = ["monmaptool", "--create", "--clobber", "--enable-all-features", "--fsid", wanted["fsid"]]
        for member in wanted["members"]:
            command += ["--addv", member["name"], endpoints(member["address"])]
        daemon.run(*command, str(path))

    def remove(self, name: str) -> None:
        """Take the monitor out of the map while the others run, then its store away."""
        keys = STORES / f"ceph-{name}" / "keyring"
        options = {"conf": str(CONF), "client": "mon.", "keyring": str(keys), "timeout": self.params["timeout"]}
        with Cluster(options) as cluster:
            if name in [mon["name"] for mon in cluster.command({"prefix": "mon dump"})["mons"]]:
                cluster.command({"prefix": "mon remove", "name": name})
        daemon.stop(f"ceph-mon@{name}")
        shutil.rmtree(STORES / f"ceph-{name}")
