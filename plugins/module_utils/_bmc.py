# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a BMC answers and takes a password, asked without any package: a bare node has no ipmitool yet.

IPMI: chapter 13 of the IPMI v2.0 specification (RMCP+ sessions). The second answer of its handshake proves that both
sides know the password; the session is not opened.

Private to the collection.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import struct
import urllib.error

from ansible.module_utils.urls import open_url
from ansible_collections.cairn.hci.plugins.module_utils._resource import Object

SECONDS, TRIES = 2.0, 2
RMCP = b"\x06\x00\xff\x07"
OPEN, OPENED, RAKP1, RAKP2 = 0x10, 0x11, 0x12, 0x13
# Cipher suites: authentication, integrity and confidentiality algorithm, and the hash of the first.
SUITES = {17: (3, 4, 1, "sha256"), 3: (1, 1, 1, "sha1")}
# Administrator, and the user is looked up by name alone.
ROLE = 0x14
SILENT = "does not answer"
REFUSED = "refuses its user or password"


def ask(connection: socket.socket, kind: int, payload: bytes) -> bytes | None:
    """Send one message of the handshake, which is outside of any session; return the answer's payload."""
    header = struct.pack("<BBIIH", 0x06, kind, 0, 0, len(payload))
    for _attempt in range(TRIES):
        connection.send(RMCP + header + payload)
        try:
            answer = connection.recv(1024)
        except TimeoutError:
            continue
        if len(answer) > 16 and answer[5] & 0x3F == kind + 1:
            return answer[16:]
    return None


def handshake(connection: socket.socket, user: bytes, password: bytes, suite: tuple[int, int, int, str]) -> str | None:
    """What is wrong; None when the BMC knows the password. Raise LookupError for a cipher suite that it has not."""
    console, random = os.urandom(4), os.urandom(16)
    algorithms = b"".join(struct.pack("<BHBBBH", n, 0, 8, number, 0, 0) for n, number in enumerate(suite[:3]))
    opened = ask(connection, OPEN, b"\x00\x04\x00\x00" + console + algorithms)
    if opened is None:
        return SILENT
    if opened[1] != 0 or len(opened) < 12:
        raise LookupError
    managed = opened[8:12]
    name = struct.pack("<BB", ROLE, len(user)) + user
    answer = ask(connection, RAKP1, bytes(4) + managed + random + name[:1] + bytes(2) + name[1:])
    if answer is None:
        return SILENT
    if answer[1] != 0 or len(answer) < 40:
        return REFUSED
    proof = hmac.new(password, console + managed + random + answer[8:40] + name, getattr(hashlib, suite[3])).digest()
    return None if hmac.compare_digest(proof, answer[40 : 40 + len(proof)]) else REFUSED


def check_ipmi(bmc: Object) -> Object:
    """What is wrong with a BMC that speaks IPMI over the network, and the number of the cipher suite that it has."""
    user, password = bmc["user"].encode(), bmc["password"].encode()
    for number, suite in SUITES.items():
        try:
            family = socket.AF_INET6 if ":" in bmc["address"] else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as connection:
                connection.settimeout(SECONDS)
                connection.connect((bmc["address"], bmc["port"]))
                return {"error": handshake(connection, user, password, suite), "cipher": number}
        except LookupError:
            continue
        except OSError as error:
            return {"error": f"{SILENT} ({error.strerror or error})", "cipher": None}
    return {"error": "has no cipher suite 17 or 3", "cipher": None}


def check_redfish(bmc: Object) -> str | None:
    """What is wrong with a BMC that speaks Redfish; unless `verify`, any certificate will do."""
    token = base64.b64encode(f"{bmc['user']}:{bmc['password']}".encode()).decode()
    host = f"[{bmc['address']}]" if ":" in bmc["address"] else bmc["address"]
    url = f"https://{host}:{bmc['port']}/redfish/v1/Systems"
    headers = {"Authorization": f"Basic {token}"}
    try:
        with open_url(url, headers=headers, timeout=int(SECONDS * TRIES), validate_certs=bool(bmc.get("verify"))):
            return None
    except urllib.error.HTTPError as error:
        return REFUSED if error.code in {401, 403} else f"answers {error.code} {error.reason}"
    except OSError as error:
        return f"{SILENT} ({getattr(error, 'reason', error)})"


def check(bmc: Object) -> Object:
    """What is wrong with a BMC: `error` is None when it can be used. `cipher` is IPMI's cipher suite."""
    return {"error": check_redfish(bmc), "cipher": None} if bmc.get("type") == "redfish" else check_ipmi(bmc)
