"""The plan of an RBD image, as tables: what is there, what is wanted, what changes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._rbd import CHECKSUM, ORIGIN, endangered, plan
from ansible_collections.cairn.hci.plugins.module_utils._rbd_options import normalise
from ansible_collections.cairn.hci.plugins.module_utils._rbd_order import missing, waves
from ansible_collections.cairn.hci.plugins.module_utils._resource import Change, Object, ResourceError, remove

GIB = 1024**3
SHA = "sha256:" + "ab" * 32
DEFAULTS = {
    **dict.fromkeys(("size", "clone_of", "source", "checksum", "snapshots", "protected", "snapshots_absent")),
    **dict.fromkeys(("features", "data_pool", "metadata")),
    "name": "disk",
    "pool": "vms",
    "format": "auto",
    "flatten": False,
    "trash": True,
    "trash_delay": 0,
    "state": "present",
}


def options(**given: Any) -> Object:
    return DEFAULTS | given


def there(**given: Any) -> Object:
    image = {"pool": "vms", "name": "disk", "size": GIB, "parent": None, "features": ["layering"], "data_pool": None}
    return image | {"snapshots": [], "protected": [], "metadata": {}, "watchers": []} | given


def changes(current: Object | None, wanted: Object, parent_size: int | None = None) -> list[tuple[str, Any, Any, str]]:
    found = plan(current, normalise(wanted), parent_size)
    return [(change.field, change.before, change.after, change.action) for change in found]


CLONED = {ORIGIN: "vms/base@s"}


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        (None, {"size": "1GiB"}, [("size", None, GIB, "create")]),
        (there(), {"size": "1GiB"}, []),
        (there(), {}, []),
        (there(), {"size": "2GiB"}, [("size", GIB, 2 * GIB, "grow")]),
        (None, {"state": "absent"}, []),
        (there(), {"state": "absent"}, [("state", "present", "absent", "remove")]),
        (there(parent="vms/base@s", metadata=CLONED), {"clone_of": "base@s"}, []),
        (there(parent="vms/base@s"), {"clone_of": "base@s"}, [("metadata", {}, CLONED, "update")]),
        (there(metadata=CLONED), {"clone_of": "base@s"}, []),
        (
            there(parent="vms/base@s", metadata=CLONED),
            {"clone_of": "vms/base@s", "flatten": True},
            [("parent", "vms/base@s", None, "flatten")],
        ),
        (there(metadata={CHECKSUM: SHA}), {"source": "/x", "checksum": SHA.upper()}, []),
        (there(), {"source": "/x"}, []),
        (
            there(),
            {"features": ["exclusive-lock", "layering"]},
            [("features", ["layering"], ["exclusive-lock", "layering"], "update")],
        ),
        (there(metadata={"a": "1", "b": "2"}), {"metadata": {"a": 1}}, []),
        (
            there(metadata={"a": "1", "b": "2"}),
            {"metadata": {"a": None, "c": 3}},
            [("metadata", {"a": "1", "b": "2"}, {"b": "2", "c": "3"}, "update")],
        ),
        (there(snapshots=["x"]), {"snapshots": ["s"]}, [("snapshots", ["x"], ["s", "x"], "update")]),
        (
            there(snapshots=["s"]),
            {"protected": ["s"]},
            [("protected", [], ["s"], "update")],
        ),
        (there(snapshots=["s", "x"], protected=["s", "x"]), {"protected": ["s"]}, []),
        (
            there(snapshots=["s", "x"], protected=["s", "x"]),
            {"snapshots": ["s"], "protected": []},
            [("protected", ["s", "x"], ["x"], "update")],
        ),
        (
            there(snapshots=["s"], protected=["s"], children={"s": []}),
            {"snapshots_absent": ["s", "none"]},
            [("snapshots", ["s"], [], "update"), ("protected", ["s"], [], "update")],
        ),
        (
            {"pool": "vms", "name": "disk", "unfinished": "import", "watchers": []},
            {"size": "1GiB"},
            [("size", None, GIB, "create")],
        ),
    ],
)
def test_plan(current: Object | None, wanted: Object, expected: list[Any]) -> None:
    assert changes(current, options(**wanted)) == expected


@pytest.mark.parametrize(
    ("wanted", "parent_size", "expected"),
    [
        ({"clone_of": "base@s"}, GIB, {"size": GIB, "parent": "vms/base@s", "metadata": CLONED}),
        ({"clone_of": "base@s"}, None, {"parent": "vms/base@s", "metadata": CLONED}),
        ({"clone_of": "base@s", "size": "2G", "flatten": True}, GIB, {"size": 2 * GIB, "metadata": CLONED}),
        ({"source": "/x", "checksum": SHA}, None, {"metadata": {CHECKSUM: SHA}}),
        (
            {"size": "1G", "protected": ["p"], "snapshots": ["s"]},
            None,
            {"size": GIB, "snapshots": ["p", "s"], "protected": ["p"]},
        ),
    ],
)
def test_a_new_image_is_predicted(wanted: Object, parent_size: int | None, expected: Object) -> None:
    assert {
        field: after for field, _before, after, _action in changes(None, options(**wanted), parent_size)
    } == expected


WATCHER = {"client": "client.7", "address": "10.0.0.2", "host": "node2"}


@pytest.mark.parametrize(
    ("current", "wanted", "message"),
    [
        (there(), {"size": "512MiB"}, "is 1GiB and is not shrunk to 512MiB"),
        (there(watchers=[WATCHER]), {"state": "absent"}, r"in use by client\.7 at 10\.0\.0\.2 \(node2\)"),
        (there(children={"s": ["vms/web1"]}), {"state": "absent"}, "snapshot s has the clones vms/web1"),
        (
            there(snapshots=["s"], children={"s": ["vms/web1"]}),
            {"snapshots_absent": ["s"]},
            "snapshot s has the clones vms/web1",
        ),
        (
            there(snapshots=["s"], protected=["s"], children={"s": ["vms/web1"]}),
            {"snapshots": ["s"], "protected": []},
            "snapshot s has the clones vms/web1",
        ),
        (there(parent="vms/other@s"), {"clone_of": "base@s"}, "is a clone of vms/other@s, not a clone of vms/base@s"),
        (there(), {"clone_of": "base@s"}, "is no clone, not a clone of vms/base@s"),
        (there(parent="vms/x@s", metadata=CLONED), {"clone_of": "base@s"}, "is a clone of vms/x@s"),
        (there(), {"source": "/x", "checksum": SHA}, "an unknown checksum, not sha256:abab"),
        (there(), {"data_pool": "ec"}, "keeps its data in the pool vms, not ec"),
        (there(features=[]), {"features": ["layering"]}, "layering is chosen when an image is made"),
        (there(), {"features": ["layering", "deep-flatten"]}, "deep-flatten is chosen when"),
        (there(), {"snapshots": ["s"], "snapshots_absent": ["s"]}, "both exist and be absent"),
        (None, {}, "does not exist: give its size"),
    ],
)
def test_what_is_refused(current: Object | None, wanted: Object, message: str) -> None:
    with pytest.raises(ResourceError, match=message) as caught:
        changes(current, options(**wanted))
    assert str(caught.value).startswith("Image vms/disk")


def test_a_clone_is_not_smaller_than_its_parent() -> None:
    with pytest.raises(ResourceError, match="1GiB is smaller than vms/base@s"):
        changes(None, options(clone_of="base@s", size="1GiB"), 2 * GIB)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"name": "a/b"}, "must not be empty"),
        ({"name": "x.cairn-import"}, "end with .cairn-import"),
        ({"size": "10"}, "not a size"),
        ({"size": "-1G"}, "not a size"),
        ({"clone_of": "base"}, "is not a snapshot"),
        ({"clone_of": "a@b", "source": "/x"}, "exclude each other"),
        ({"source": "x.img"}, "neither an absolute path"),
        ({"source": "https://host/x.img"}, "a URL needs a checksum"),
        ({"source": "/x", "checksum": "md5:00"}, "is no checksum"),
        ({"source": "/x", "checksum": "sha256:12"}, "is no checksum"),
        ({"source": "/x", "checksum": "sha256"}, "is no checksum"),
        ({"features": ["fast-diff", "layering"]}, "fast-diff needs object-map"),
    ],
)
def test_options_that_can_not_be_right(wanted: Object, message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        normalise(options(**wanted))


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({}, ["a", "b"]),
        ({"state": "absent"}, ["a", "b"]),
        ({"state": "present"}, []),
        ({"state": "present", "protected": ["a"]}, []),
        ({"state": "present", "snapshots": ["a", "b"], "protected": []}, ["a"]),
        ({"state": "present", "snapshots_absent": ["b"]}, ["b"]),
    ],
)
def test_clones_are_looked_up_only_where_they_matter(item: Object, expected: list[str]) -> None:
    assert endangered({"snapshots": ["a", "b"], "protected": ["a"]}, item) == expected


def work(**given: Any) -> tuple[None, Object, list[Change]]:
    wanted = normalise(options(**given))
    return None, wanted, plan(None, wanted)


def test_parents_come_before_their_clones() -> None:
    grandchild, child, base = work(name="c", clone_of="b@s"), work(name="b", clone_of="a@s"), work(name="a", size="1G")
    assert list(waves([grandchild, child, base])) == [[base], [child], [grandchild]]
    with pytest.raises(ResourceError, match="clones of each other"):
        list(waves([work(name="a", clone_of="b@s"), work(name="b", clone_of="a@s")]))


def test_what_is_missing_is_told_before_anything_is_made() -> None:
    absent = (there(), normalise(options(name="gone", state="absent")), remove())
    base, clone = work(name="a", size="1G", protected=["s"]), work(name="b", clone_of="a@s")
    assert missing([clone, base, absent], {"vms"}, {"vms/a@s": None}) == []
    assert "does not exist" in missing([clone], {"vms"}, {"vms/a@s": None})[0]
    assert "is not protected" in missing([clone], {"vms"}, {"vms/a@s": {"size": 1, "protected": False}})[0]
    assert "no pool 'ec'" in missing([work(size="1G", data_pool="ec")], {"vms"}, {})[0]
