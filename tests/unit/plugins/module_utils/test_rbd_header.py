"""Reading an image's header keys, as a cluster with Ceph 18.2 wrote them."""

from __future__ import annotations

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._rbd_header import Header, decode, plain

HEADER = {
    "access_timestamp": b"\xa4\xf0\x00k)s\xcc\t",
    "create_timestamp": b"\xa4\xf0\x00k)s\xcc\t",
    "features": b"=\x00\x00\x00\x00\x00\x00\x00",
    "modify_timestamp": b"\xa4\xf0\x00k)s\xcc\t",
    "object_prefix": b"\x15\x00\x00\x00rbd_data.101987ea3008",
    "order": b"\x16",
    "size": b"\x00\x00\x00@\x00\x00\x00\x00",
    "snap_seq": b"\x00\x00\x00\x00\x00\x00\x00\x00",
}


def test_a_plain_image() -> None:
    header = {**HEADER, "parent": b"any", "metadata_cairn.clone_of": b"vms/base@b"}
    assert plain(header)
    assert decode(header, {"pool": "vms", "name": "a"}, {b"any": "vms/base@b"}) == {
        "pool": "vms",
        "name": "a",
        "size": 1024**3,
        "parent": "vms/base@b",
        "features": ["deep-flatten", "exclusive-lock", "fast-diff", "layering", "object-map"],
        "data_pool": None,
        "snapshots": [],
        "protected": [],
        "metadata": {"cairn.clone_of": "vms/base@b"},
    }


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"features": b"=\x01\0\0\0\0\0\0", "op_features": b"\x02\0\0\0\0\0\0\0"}, True),
        ({"features": b"=\x01\0\0\0\0\0\0", "op_features": b"\x04\0\0\0\0\0\0\0"}, False),
        ({"features": b"\xbd\0\0\0\0\0\0\0", "data_pool_id": b"\1\0\0\0\0\0\0\0"}, False),
        ({"features": b"=\0\0\0\0\0\0\1"}, False),
        ({"snapshot_0000000000000004": b"x"}, False),
        ({"of_a_later_ceph": b""}, False),
        ({"size": b"\0\0\0\0"}, False),
        ({"size": b""}, False),
    ],
)
def test_what_is_not_known_is_left_to_librbd(extra: Header, expected: bool) -> None:
    assert plain({**HEADER, **extra}) is expected


def test_no_header() -> None:
    assert not plain(None)
