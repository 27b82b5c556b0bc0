"""What the tests of several scenarios share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster

# Ceph's tools alone need some 20 s where the processor is emulated.
EMULATED = 4


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The lab with its guests, each of which writes records to its disk and tells when."""
    inventory = Path(request.config.option.ansible_inventory).resolve()
    with Cluster(inventory, "guests", EMULATED) as found:
        found.install_witness()
        yield found
