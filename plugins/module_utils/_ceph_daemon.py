# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ceph's daemons as systemd units, and its command line tools where no binding exists.

Private to the collection.
"""

from __future__ import annotations

import base64
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.cairn.hci.plugins.module_utils._resource import NotInstalled, Object, ResourceError

# For tools that end soon; long enough for a machine that is starved or emulated.
PATIENCE = 300.0


def run(*command: str, seconds: float = PATIENCE, environment: dict[str, str] | None = None) -> str:
    """Run a tool and return its standard output. Raise ResourceError with its last words when it fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            timeout=seconds,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        )
    except FileNotFoundError as error:
        raise NotInstalled(f"{command[0]} is not installed on this node; run the role base first.") from error
    except subprocess.TimeoutExpired as error:
        raise ResourceError(f"'{' '.join(command)}' did not end within {seconds:g} s.") from error
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise ResourceError(f"'{' '.join(command)}' failed: {' '.join(words) or f'exit code {done.returncode}'}")
    return done.stdout


def unit(name: str) -> Object:
    """Whether a unit is `enabled` at boot and `running` now; both False where there is no such unit."""
    if shutil.which("systemctl") is None:
        return {"enabled": False, "running": False}
    text = run("systemctl", "show", "--property=ActiveState,UnitFileState", name)
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {
        "enabled": found.get("UnitFileState") == "enabled",
        "running": found.get("ActiveState") in ("active", "reloading"),
    }


def start(name: str, *, restart: bool = False) -> None:
    """Enable a unit and start it (`restart`: also when it runs), even after too many failed starts."""
    run("systemctl", "enable", name)
    # A unit that failed three times in 30 minutes would not start again otherwise (StartLimitBurst of Ceph's units).
    run("systemctl", "reset-failed", name)
    run("systemctl", "restart" if restart else "start", name)


def stop(name: str) -> None:
    """Stop a unit and disable it."""
    run("systemctl", "disable", "--now", name)


def wait(condition: Callable[[], bool], seconds: float, complaint: str) -> None:
    """Return when `condition` holds. Raise ResourceError with `complaint` when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ResourceError(f"{complaint} within {seconds:g} s.")
        time.sleep(0.25)


def new_secret() -> str:
    """Make a key for cephx: type 1 (AES), time of creation, length, 16 random bytes; as `ceph-authtool --gen-key`."""
    return base64.b64encode(struct.pack("<hiih", 1, int(time.time()), 0, 16) + os.urandom(16)).decode()


def keyring(entity: str, secret: str, caps: dict[str, str] | None = None) -> str:
    """The text of a keyring with one key."""
    lines = [f"[{entity}]", f"\tkey = {secret}"]
    lines += [f'\tcaps {daemon} = "{cap}"' for daemon, cap in (caps or {}).items()]
    return "\n".join([*lines, ""])


def secret_in(path: Path) -> str | None:
    """The key in a keyring of one key; None where there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    found = [line.partition("=")[2].strip() for line in text.splitlines() if line.strip().startswith("key")]
    return found[0] if found else None
