# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions of bcrypt that Ceph's manager uses, on the system's libcrypt.

The packaged bcrypt is written with PyO3, which refuses to be loaded in a subinterpreter, and every module of the
manager runs in one (https://tracker.ceph.com/issues/64213). This is ctypes over libxcrypt, which knows the same $2b$.
"""

from __future__ import annotations

import ctypes
import hmac
import os

# CRYPT_OUTPUT_SIZE and sizeof(struct crypt_data) of <crypt.h>.
_OUTPUT = 384
_DATA = 32768

_crypt = ctypes.CDLL("libcrypt.so.1")
_crypt.crypt_gensalt_rn.restype = ctypes.c_char_p
_crypt.crypt_gensalt_rn.argtypes = [
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_int,
]
_crypt.crypt_rn.restype = ctypes.c_char_p
_crypt.crypt_rn.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]


def gensalt(rounds: int = 12, prefix: bytes = b"2b") -> bytes:
    """Return a new salt; the work doubles with each of `rounds`."""
    if prefix not in (b"2a", b"2b"):
        raise ValueError("Supported prefixes are b'2a' or b'2b'")
    if not 4 <= rounds <= 31:
        raise ValueError("Invalid rounds")
    output = ctypes.create_string_buffer(_OUTPUT)
    salt = _crypt.crypt_gensalt_rn(b"$" + prefix + b"$", rounds, os.urandom(16), 16, output, _OUTPUT)
    if salt is None:
        raise ValueError("Invalid rounds")
    return bytes(salt)


def hashpw(password: bytes, salt: bytes) -> bytes:
    """Return the hash of `password`, which begins with `salt` (or a hash made with it)."""
    if b"\0" in password:
        raise ValueError("password may not contain NUL bytes")
    data = ctypes.create_string_buffer(_DATA)
    found = _crypt.crypt_rn(password, salt, data, _DATA)
    if found is None or not found.startswith(b"$2"):
        raise ValueError("Invalid salt")
    return bytes(found)


def checkpw(password: bytes, hashed_password: bytes) -> bool:
    """Whether `hashed_password` is a hash of `password`."""
    return hmac.compare_digest(hashpw(password, hashed_password), hashed_password)
