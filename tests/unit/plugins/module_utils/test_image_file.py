"""Telling disk images from other files."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._image_file import GRAIN, inspect, used_parts
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError
from hypothesis import given
from hypothesis import strategies as st

MIB = 1024 * 1024


def qcow2(size: int = MIB, *, version: int = 3, backing: int = 0, crypt: int = 0, features: int = 0) -> bytes:
    return b"QFI\xfb" + struct.pack(">IQIIQI36xQ24x", version, backing, 0, 16, size, crypt, features)


def disk(*, sectors: int = 0, gpt_end: int = 0, flag: int = 0x80) -> bytes:
    head = bytearray(4096)
    if sectors:
        head[446:462] = struct.pack("<BxxxBxxxII", flag, 0x83, 1, sectors - 1)
    head[510:512] = b"\x55\xaa"
    if gpt_end:
        head[512:520] = b"EFI PART"
        head[544:552] = struct.pack("<Q", gpt_end)
    return bytes(head)


@pytest.mark.parametrize(
    ("head", "length", "wanted", "expected"),
    [
        (qcow2(5 * MIB), 1000, "auto", ("qcow2", 5 * MIB)),
        (qcow2(5 * MIB, version=2, features=7), 1000, "qcow2", ("qcow2", 5 * MIB)),
        (qcow2(), 1000, "raw", ("raw", 1000)),
        (disk(), MIB, "auto", ("raw", MIB)),
        (disk(sectors=2048), MIB, "auto", ("raw", MIB)),
        (disk(gpt_end=2047), MIB, "auto", ("raw", MIB)),
        (disk(sectors=9999, flag=0x33), MIB, "auto", ("raw", MIB)),
        (bytes(1080) + b"\x53\xef" + bytes(100), MIB, "auto", ("raw", MIB)),
        (bytes(4096), MIB, "raw", ("raw", MIB)),
    ],
)
def test_images(head: bytes, length: int, wanted: str, expected: tuple[str, int]) -> None:
    assert inspect(head, length, wanted) == expected


@pytest.mark.parametrize(
    ("head", "length", "wanted", "message"),
    [
        (b"", 0, "raw", "is empty"),
        (b"<!DOCTYPE html><html>", 21, "raw", "is a web page"),
        (b"\n <html>\xc3\xa9", 21, "auto", "is a web page"),
        (b"Not Found\n", 10, "raw", "is a text"),
        (b"\x1f\x8b\x08\0", 100, "auto", "compressed with gzip"),
        (b"\xfd7zXZ\0\0", 100, "qcow2", "compressed with xz"),
        (b"KDMV\1\0", 100, "auto", "VMDK"),
        (bytes(4096), MIB, "auto", "not a disk image that is known"),
        (disk(), MIB, "qcow2", "not a qcow2 image"),
        (disk(sectors=2049), MIB, "auto", "is truncated"),
        (disk(gpt_end=2048), MIB, "raw", "is truncated"),
        (qcow2()[:50], 50, "auto", "truncated qcow2"),
        (qcow2(version=9), 1000, "auto", "unknown version 9"),
        (qcow2(backing=104), 1000, "auto", "needs a further file"),
        (qcow2(features=4), 1000, "auto", "needs a further file"),
        (qcow2(features=2), 1000, "auto", "corrupt"),
        (qcow2(crypt=2), 1000, "auto", "encrypted"),
    ],
)
def test_other_files(head: bytes, length: int, wanted: str, message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        inspect(head, length, wanted)


@given(st.lists(st.sampled_from([b"\0", b"x"]), max_size=20), st.integers(0, 100))
def test_only_zeroes_are_left_out(grains: list[bytes], tail: int) -> None:
    data = b"".join(grain * GRAIN for grain in grains) + b"y" * tail
    rebuilt = bytearray(len(data))
    for offset, part in used_parts(data, 4096):
        assert part.strip(b"\0")
        rebuilt[offset - 4096 : offset - 4096 + len(part)] = part
    assert bytes(rebuilt) == data
    assert sum(len(part) for _offset, part in used_parts(data, 0)) == grains.count(b"x") * GRAIN + tail
