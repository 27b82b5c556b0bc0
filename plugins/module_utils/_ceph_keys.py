# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of a Ceph cluster, their caps, and their keyrings on a node.

Private to the collection.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils._ceph import CephResource
from ansible_collections.cairn.hci.plugins.module_utils._ceph_daemon import keyring, secret_in
from ansible_collections.cairn.hci.plugins.module_utils._config_file import to_dict as file_to_dict
from ansible_collections.cairn.hci.plugins.module_utils._config_file import write
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError


def to_dict(entry: Object) -> Object:
    """A key as `auth ls` tells it, without its secret."""
    return {"name": entry["entity"], "caps": {daemon: " ".join(cap.split()) for daemon, cap in entry["caps"].items()}}


def cap_list(caps: dict[str, str]) -> list[str]:
    """Caps as the monitors take them: daemon, cap, daemon, cap."""
    return [word for pair in caps.items() for word in pair]


class CephKey(CephResource):
    """Keys are made in the cluster; a secret leaves it only into a keyring, or where it is asked for."""

    plural = "ceph_keys"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the keys; `file` is the keyring where it holds the right secret with the right mode and owner."""
        entries = {entry["entity"]: entry for entry in self.cluster.command({"prefix": "auth ls"})["auth_dump"]}
        items = [{"name": name} for name in entries] if wanted is None else wanted
        found = {}
        for item in items:
            if (entry := entries.get(item["name"])) is not None:
                key = to_dict(entry) | {"file": self.file(item, entry["key"])}
                if self.params.get("with_secret"):
                    key["secret"] = entry["key"]
                found[item["name"]] = key
        return found

    def file(self, item: Object, secret: str) -> str | None:
        """The keyring that the item wants, None unless it is as it shall be."""
        path = item.get("file")
        if not path or secret_in(Path(path)) != secret:
            return None
        file = file_to_dict(path)
        return path if file and (file["mode"], file["owner"]) == ("0600", item["owner"]) else None

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """Compare caps without regard to spaces; a new key needs some."""
        if current is None and not wanted.get("caps") and wanted["state"] == "present":
            raise ResourceError(f"{wanted['name']}: there is no such key yet; give its caps, such as mon: profile rbd.")
        caps = {daemon: " ".join(str(cap).split()) for daemon, cap in (wanted.get("caps") or {}).items()}
        return wanted | {"caps": caps or None}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Compare caps and keyring."""
        return super().plan(current, {field: wanted.get(field) for field in ("caps", "file", "state")})

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Make or change a key, then write its keyring."""
        name, path = wanted["name"], wanted.get("file")
        if wanted["state"] == "absent":
            self.cluster.command({"prefix": "auth del", "entity": name})
            if path:
                Path(path).unlink(missing_ok=True)
            return
        if any(change.field == "caps" for change in changes):
            prefix = "auth get-or-create" if current is None else "auth caps"
            self.cluster.command({"prefix": prefix, "entity": name, "caps": cap_list(wanted["caps"])})
        if path:
            self.write(name, path, wanted["owner"])

    def write(self, name: str, path: str, owner: str) -> None:
        """Write a keyring; a directory of its own, such as a manager's, belongs to the same owner."""
        secret = self.cluster.command({"prefix": "auth get-key", "entity": name})["key"]
        directory = os.path.dirname(path)
        new = not os.path.isdir(directory)
        item = {"path": path, "mode": "0600", "owner": owner, "group": owner}
        try:
            write(item, keyring(name, secret))
            if new:
                shutil.chown(directory, owner, owner)
        except (OSError, KeyError, LookupError) as error:
            raise ResourceError(f"The keyring {path} can't be written: {error}.") from error
