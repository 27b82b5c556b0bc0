# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text files of a node: compare and write.

Private to the collection.
"""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import tempfile

from ansible_collections.cairn.hci.plugins.module_utils._ceph_daemon import run
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, Resource, ResourceError


def digest(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def owners(status: os.stat_result) -> Object:
    """Return the names of a file's user and group; numbers as text where they have none."""
    names: Object = {"owner": str(status.st_uid), "group": str(status.st_gid)}
    try:
        names["owner"] = pwd.getpwuid(status.st_uid).pw_name
        names["group"] = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        pass
    return names


def to_dict(path: str) -> Object | None:
    """Return what a file is; None when there is none."""
    try:
        with open(path, "rb") as file:
            data, status = file.read(), os.fstat(file.fileno())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResourceError(f"{path} can't be read: {error.strerror}.") from error
    text = data.decode(errors="replace")
    found = {"path": path, "content": text, "sha256": digest(text), "mode": f"{status.st_mode & 0o7777:04o}"}
    return found | owners(status)


def unread(path: str, unit: str) -> bool:
    """Whether a file is newer than the last start, or reload, of the unit that reads it."""
    shown = run("systemctl", "show", "--property=StateChangeTimestamp", "--timestamp=unix", unit)
    since = shown.strip().partition("=@")[2]
    return since.isdigit() and int(os.stat(path).st_mtime) > int(since)


def write(wanted: Object, text: str) -> None:
    """Replace a file atomically; it has its mode and owner before it has its name."""
    path = wanted["path"]
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".cairn.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchown(file.fileno(), pwd.getpwnam(wanted["owner"]).pw_uid, grp.getgrnam(wanted["group"]).gr_gid)
            os.fchmod(file.fileno(), int(wanted["mode"], 8))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


class ConfigFile(Resource):
    """Text files of a node."""

    plural = "files"
    key = "path"

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the files that exist; their text only where the task gives one to compare, so no secret shows."""
        found = {}
        for item in wanted or []:
            if (file := to_dict(item["path"])) is not None:
                if item.get("content") is None:
                    del file["content"]
                found[item["path"]] = file
        return found

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """Check the mode and complete it; a secret is compared by its digest."""
        secret = wanted.get("secret") is not None
        if secret == (wanted.get("content") is not None) and wanted["state"] == "present":
            raise ResourceError(f"{wanted['path']}: give either content or secret.")
        mode = wanted.get("mode") or ("0600" if secret else "0644")
        if not mode.isdigit() or int(mode, 8) > 0o7777:
            raise ResourceError(f"{wanted['path']}: mode {mode!r} is not octal, such as '0644'.")
        return wanted | {"mode": f"{int(mode, 8):04o}"}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Compare text, mode and owners; the text of a secret never enters the plan."""
        shown = {field: wanted[field] for field in ("content", "mode", "owner", "group", "state")}
        if wanted.get("secret") is not None:
            shown["sha256"] = digest(wanted["secret"])
        changes = super().plan(current, shown)
        unit = wanted.get("unit")
        if current and not changes and wanted["state"] == "present" and unit and unread(wanted["path"], unit):
            return [Change("unit", None, unit, "read")]
        return changes

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Write or remove one file."""
        try:
            if wanted["state"] == "absent":
                os.unlink(wanted["path"])
            elif changes[0].action != "read":
                write(wanted, wanted["secret"] if wanted.get("secret") is not None else wanted["content"])
        except (OSError, KeyError) as error:
            raise ResourceError(f"{wanted['path']} can't be written: {error}.") from error
