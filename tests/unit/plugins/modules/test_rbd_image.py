"""rbd_image on a node without Ceph; with a cluster see tests/integration/targets/rbd_image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Run = Callable[..., dict[str, Any]]
NOWHERE = {"conf": "/nonexistent/ceph.conf"}
IMAGES = [
    {"name": "base", "size": "1GiB", "protected": ["s"]},
    {"name": "web1", "clone_of": "base@s", "size": "2GiB"},
    {"name": "old", "state": "absent"},
]


def test_check_mode_predicts_on_a_node_without_ceph(run_module: Run) -> None:
    result = run_module("rbd_image", images=IMAGES, check_mode=True, **NOWHERE)
    assert result["changed"]
    base, web1, old = result["images"]
    assert (base["size"], base["protected"], base["state"]) == (1024**3, ["s"], "present")
    assert (web1["size"], web1["parent"]) == (2 * 1024**3, "vms/base@s")
    assert (old["state"], old["changed"]) == ("absent", False)
    assert set(result["diff"]["after"]) == {"vms/base", "vms/web1"}


def test_a_real_run_says_that_there_is_no_cluster(run_module: Run) -> None:
    result = run_module("rbd_image", images=IMAGES, **NOWHERE)
    assert result["failed"]
    assert "is in no Ceph cluster yet" in result["msg"]
    assert "is in no Ceph cluster yet" in run_module("rbd_image_info", **NOWHERE)["msg"]


def test_all_errors_are_told_at_once(run_module: Run) -> None:
    bad = [{"name": "a", "size": "1"}, {"name": "b"}, {"name": "c", "clone_of": "x"}]
    message = run_module("rbd_image", images=bad, check_mode=True, **NOWHERE)["msg"]
    assert len(message.splitlines()) == 3


def test_one_name_in_two_pools_is_two_images(run_module: Run) -> None:
    images = [{"name": "a", "size": "1G", "pool": pool} for pool in ("vms", "other")]
    assert len(run_module("rbd_image", images=images, check_mode=True, **NOWHERE)["images"]) == 2
    message = run_module("rbd_image", images=[images[0], images[0]], check_mode=True, **NOWHERE)["msg"]
    assert "more than once" in message
