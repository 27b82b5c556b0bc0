"""The question to a BMC, answered by one that computes as the specification says; the lab's preflight asks ipmi_sim."""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._bmc import check

USER, PASSWORD = "admin", "S3cret"


class Bmc(threading.Thread):
    """Answers the handshake as a BMC with one cipher suite does."""

    def __init__(self, authentication: int, digest: str) -> None:
        super().__init__(daemon=True)
        self.authentication, self.digest = authentication, digest
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.console = b""

    def run(self) -> None:
        while True:
            try:
                message, sender = self.socket.recvfrom(1024)
            except OSError:
                return
            kind, payload = message[5], message[16:]
            answer = self.opened(payload) if kind == 0x10 else self.proof(payload)
            header = b"\x06\x00\xff\x07" + struct.pack("<BBIIH", 6, kind + 1, 0, 0, len(answer))
            self.socket.sendto(header + answer, sender)

    def opened(self, payload: bytes) -> bytes:
        self.console = payload[4:8]
        if payload[12] != self.authentication:
            return b"\x00\x11" + bytes(6)
        return b"\x00\x00\x04\x00" + self.console + b"BMC1" + payload[8:]

    def proof(self, payload: bytes) -> bytes:
        name = payload[28 : 28 + payload[27]]
        if name.decode() != USER:
            return b"\x00\x0d\x00\x00" + self.console
        random = os.urandom(32)
        data = self.console + b"BMC1" + payload[8:24] + random + payload[24:25] + payload[27:28] + name
        return b"\x00\x00\x00\x00" + self.console + random + hmac.new(PASSWORD.encode(), data, self.digest).digest()


@pytest.fixture(params=[(3, hashlib.sha256, 17), (1, hashlib.sha1, 3)], ids=["suite 17", "suite 3"])
def bmc(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """The port of a BMC, and the only cipher suite that it has."""
    authentication, digest, suite = request.param
    served = Bmc(authentication, digest().name)
    served.start()
    yield served.port, suite
    served.socket.close()


@pytest.mark.parametrize(
    ("user", "password", "error"),
    [
        (USER, PASSWORD, None),
        (USER, "wrong", "refuses its user or password"),
        ("nobody", PASSWORD, "refuses its user or password"),
    ],
)
def test_user_and_password(bmc: tuple[int, int], user: str, password: str, error: str | None) -> None:
    port, suite = bmc
    found = check({"type": "ipmi", "address": "127.0.0.1", "port": port, "user": user, "password": password})
    assert found == {"error": error, "cipher": suite}


def test_nobody_answers() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = check({"type": "ipmi", "address": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD})
    assert found["error"].startswith("does not answer")
