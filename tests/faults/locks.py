"""Which client holds the exclusive lock of each guest's first disk, as the cluster itself says."""

from __future__ import annotations

import itertools
import json
import select
import subprocess
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

POOL = "vms"
SILENCE_SECONDS = 4.0


class Owner(NamedTuple):
    """From a time on (time.monotonic) a client holds a lock, by its address; none does where that is empty."""

    time: float
    client: str

    @property
    def address(self) -> str:
        """The address without port and nonce."""
        return self.client.partition(":")[0]


class Locks:
    """Asks one node after the other, in a thread of its own; the next when one says nothing any more."""

    def __init__(self, logins: dict[str, list[str]], guests: list[str], slow: float = 1) -> None:
        """Begin to ask; `logins` are the command lines of the nodes, which are so many times slower."""
        self._silence = SILENCE_SECONDS * slow
        self.of: dict[str, list[Owner]] = defaultdict(list)
        self.answered = 0.0
        self._logins = logins
        self._command = f"exec timeout 3600 python3 -u - {POOL} {' '.join(f'{guest}.disk0' for guest in guests)}"
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        program = Path(__file__).with_name("lock_owners.py").read_bytes()
        for login in itertools.cycle(self._logins.values()):
            if self._closed.is_set():
                return
            with subprocess.Popen(
                [*login, self._command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as process:
                if not process.stdin or not process.stdout:
                    raise AssertionError("both are pipes")
                try:
                    process.stdin.write(program)
                    process.stdin.close()
                except OSError:
                    continue
                # ssh, Python and the connection take some time.
                patience = 4 * self._silence
                while select.select([process.stdout], [], [], patience)[0] and not self._closed.is_set():
                    line = process.stdout.readline()
                    if not line:
                        break
                    self._note(json.loads(line))
                    patience = self._silence
                process.kill()

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()
        self._thread.join()

    def _note(self, owners: dict[str, str | None]) -> None:
        self.answered = time.monotonic()
        for image, client in owners.items():
            seen = self.of[image.removesuffix(".disk0")]
            if not seen or seen[-1].client != (client or ""):
                seen.append(Owner(self.answered, client or ""))


def returned(owners: list[Owner], start: float) -> list[str]:
    """Clients that hold a lock again after another one did: both write. One sentence each."""
    clients = [owner.client for owner in owners if owner.time >= start and owner.client]
    clients = [client for client, before in zip(clients, ["", *clients], strict=False) if client != before]
    return [
        f"the lock went from {client} to another and back"
        for client in sorted({c for c in clients if clients.count(c) > 1})
    ]
