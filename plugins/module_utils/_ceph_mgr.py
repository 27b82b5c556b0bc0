# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manager of a node, and the cure for one that can't load its modules.

Private to the collection.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils import _ceph_daemon as daemon
from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource
from ansible_collections.cairn.hci.plugins.module_utils._ceph_keys import CephKey
from ansible_collections.cairn.hci.plugins.module_utils._config_file import write
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError

CAPS = {"mon": "allow profile mgr", "osd": "allow *", "mds": "allow *"}
SUBSTITUTES = Path("/usr/local/lib/cairn/ceph-mgr")
DROP_IN = Path("/etc/systemd/system/ceph-mgr@.service.d/cairn.conf")
DROP_IN_TEXT = f"""\
# Written by cairn.hci: Python modules with which the packaged manager can load its own.
[Service]
Environment=PYTHONPATH={SUBSTITUTES}
"""
USER = Path("/usr/share/ceph/mgr/mgr_util.py")
# What the manager does: an interpreter of its own for each module (Python 3.13 renamed the module that makes one).
PROBE = """
try:
    import _interpreters as i; n = i.create("legacy"); f = i.exec(n, "import bcrypt")
except ImportError:
    import _xxsubinterpreters as i; n = i.create(isolated=False); f = i.run_string(n, "import bcrypt")
raise SystemExit(f is not None)
"""


def bcrypt_fails() -> bool:
    """Whether the manager's modules import bcrypt, and it can't be imported where they would (PyO3/pyo3 issue 3451)."""
    try:
        if "import bcrypt" not in USER.read_text(encoding="utf-8"):
            return False
    except OSError:
        return False
    try:
        daemon.run(sys.executable or "/usr/bin/python3", "-c", PROBE)
    except ResourceError:
        return True
    return False


def substitutes() -> dict[str, str]:
    """The substitutes that are there, by file name; none where the manager is not told of them."""
    if not DROP_IN.exists() or DROP_IN.read_text(encoding="utf-8") != DROP_IN_TEXT:
        return {}
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(SUBSTITUTES.glob("*.py"))}


class CephMgr(CephResource):
    """The key of a manager, its unit, and the substitutes for Python modules where they are needed and given."""

    plural = "mgrs"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the managers that have a directory here."""
        names = (
            [path.name.removeprefix("ceph-") for path in sorted(Path("/var/lib/ceph/mgr").glob("ceph-*"))]
            if wanted is None
            else [item["name"] for item in wanted]
        )
        keys = CephKey({**self.params, "with_secret": False})
        keys.cluster = self.cluster
        items = [key_item(name) for name in names]
        known = keys.read(items)
        found = {}
        for name, item in zip(names, items, strict=True):
            key = known.get(item["name"])
            unit = daemon.unit(f"ceph-mgr@{name}")
            if key is not None or unit["running"]:
                found[name] = {
                    "name": name,
                    "caps": key["caps"] if key else None,
                    "keyring": key["file"] if key else None,
                    "substitutes": substitutes(),
                    **unit,
                }
        return found

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """Complete what the manager shall be, by what this node's packages need."""
        name = wanted["name"]
        shall: Object = {"name": name, "state": wanted["state"], "caps": CAPS, "keyring": key_item(name)["file"]}
        shall |= {"enabled": True, "running": True}
        if wanted.get("substitutes") is not None:
            shall["substitutes"] = wanted["substitutes"] if bcrypt_fails() else {}
        return shall

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Compare field by field."""
        return super().plan(current, {key: value for key, value in wanted.items() if key != "name"})

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Carry out the plan, and wait until the cluster knows the manager."""
        name = wanted["name"]
        item = key_item(name)
        keys = CephKey({**self.params, "with_secret": False})
        keys.cluster = self.cluster
        if wanted["state"] == "absent":
            daemon.stop(f"ceph-mgr@{name}")
            keys.apply({}, item | {"state": "absent"}, changes)
            return
        fields = {change.field for change in changes}
        if "substitutes" in fields:
            self.substitute(wanted["substitutes"])
        if fields & {"caps", "keyring"}:
            have = keys.read([item]).get(item["name"])
            keys.apply(have, item, keys.plan(have, item))
        daemon.start(f"ceph-mgr@{name}", restart="substitutes" in fields)
        complaint = f"The manager {name} did not report to the monitors (see 'journalctl -u ceph-mgr@{name}')"
        daemon.wait(lambda: self.reports(name), self.params["timeout"], complaint)

    def substitute(self, texts: dict[str, str]) -> None:
        """Put modules before the packaged ones, or take them away."""
        owner = {"mode": "0644", "owner": "root", "group": "root"}
        for path in (DROP_IN, *SUBSTITUTES.glob("*.py")):
            path.unlink(missing_ok=True)
        for name, text in texts.items():
            write({"path": str(SUBSTITUTES / name), **owner}, text)
        if texts:
            write({"path": str(DROP_IN), **owner}, DROP_IN_TEXT)
        daemon.run("systemctl", "daemon-reload")

    def reports(self, name: str) -> bool:
        """Whether the manager is active and available, or stands by."""
        found = self.cluster.command({"prefix": "mgr dump"})
        active = found["active_name"] == name and found["available"]
        return bool(active or name in [standby["name"] for standby in found["standbys"]])


def key_item(name: str) -> Object:
    """The key of a manager, as the module ceph_key has it."""
    file = f"/var/lib/ceph/mgr/ceph-{name}/keyring"
    return {"name": f"mgr.{name}", "caps": CAPS, "file": file, "owner": "ceph", "state": "present"}
