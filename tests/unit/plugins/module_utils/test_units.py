"""Sizes as people write them."""

from __future__ import annotations

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._resource import ResourceError
from ansible_collections.cairn.hci.plugins.module_utils._units import format_size, parse_size
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1B", 1),
        ("512M", 512 * 1024**2),
        ("512MiB", 512 * 1024**2),
        ("2GB", 2 * 1024**3),
        ("20 GiB", 20 * 1024**3),
        ("1.5t", 1024**4 * 3 // 2),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["20", 20, "-1GiB", "0GiB", "", "GiB", "1GiBs", "1 2GiB", "1e3G", None, "1,5G"])
def test_what_is_no_size_is_refused_by_name(text: object) -> None:
    with pytest.raises(ResourceError, match=r"vm_memory: .* is not a size"):
        parse_size(text, "vm_memory")


@given(st.integers(min_value=1, max_value=2**60))
def test_formatted_sizes_are_read_back(size: int) -> None:
    assert parse_size(format_size(size)) == size
