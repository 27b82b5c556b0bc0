"""The engine: what every module inherits."""

from __future__ import annotations

import pytest
from ansible_collections.cairn.hci.plugins.module_utils._resource import (
    Change,
    NotInstalled,
    Object,
    Resource,
    ResourceError,
    converge,
    create,
    differences,
    predict,
    remove,
)


class Shelf(Resource):
    """Objects in a dictionary."""

    plural = "things"

    def __init__(self, stored: dict[str, Object], installed: bool = True) -> None:
        super().__init__({})
        self.stored, self.installed, self.writes = stored, installed, 0

    def open(self) -> None:
        if not self.installed:
            raise NotInstalled("There is no shelf here.")

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        return {name: dict(thing) for name, thing in self.stored.items()}

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        if (wanted.get("size") or 0) < 0:
            raise ResourceError(f"{wanted['name']}: the size can't be negative.")
        return super().plan(current, wanted)

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        self.writes += 1
        if wanted["state"] == "absent":
            del self.stored[wanted["name"]]
        else:
            self.stored[wanted["name"]] = (current or {}) | {c.field: c.after for c in changes}


def thing(name: str, size: int | None = None, state: str = "present", colour: str | None = None) -> Object:
    return {"name": name, "size": size, "colour": colour, "state": state}


@pytest.mark.parametrize(
    ("current", "wanted", "changes"),
    [
        (None, thing("a", 1), [Change("name", None, "a", "create"), Change("size", None, 1, "create")]),
        ({"name": "a", "size": 1}, thing("a", 1), []),
        ({"name": "a", "size": 1, "colour": "red"}, thing("a", 1), []),
        ({"name": "a", "size": 1}, thing("a", 2), [Change("size", 1, 2)]),
        ({"name": "a", "size": 1}, thing("a", state="absent"), [Change("state", "present", "absent", "remove")]),
        (None, thing("a", state="absent"), []),
    ],
)
def test_plan(current: Object | None, wanted: Object, changes: list[Change]) -> None:
    assert Shelf({}).plan(current, wanted) == changes


def test_none_means_leave_alone() -> None:
    assert differences({"size": 1}, {"size": None, "colour": None}) == []
    assert create({"size": None, "state": "present"}) == []


def test_prediction_is_what_apply_does() -> None:
    assert predict(None, create(thing("a", 3))) == {"name": "a", "size": 3}
    assert predict({"name": "a", "size": 1}, [Change("size", 1, 2)]) == {"name": "a", "size": 2}
    assert predict({"name": "a"}, remove()) is None
    assert predict(None, []) is None


def test_only_what_differs_is_written_and_shown() -> None:
    shelf = Shelf({"a": {"name": "a", "size": 1}, "b": {"name": "b", "size": 2}})
    outcome = converge(shelf, [thing("a", 1), thing("b", 3), thing("c", 4)], check_mode=False)
    assert shelf.writes == 2
    assert outcome["diff"] == {
        "before": {"b": {"size": 2}, "c": {}},
        "after": {"b": {"size": 3}, "c": {"name": "c", "size": 4}},
    }
    assert [(t["name"], t["changed"]) for t in outcome["things"]] == [("a", False), ("b", True), ("c", True)]
    assert not converge(shelf, [thing("a", 1), thing("b", 3), thing("c", 4)], check_mode=False)["changed"]


def test_check_mode_predicts_what_a_run_returns_and_writes_nothing() -> None:
    items = [thing("a", 5), thing("b", state="absent"), thing("c", 4)]
    stored = {"a": {"name": "a", "size": 1}, "b": {"name": "b", "size": 2}}
    shelf = Shelf(stored)
    predicted = converge(shelf, items, check_mode=True)
    assert shelf.writes == 0
    assert predicted == converge(shelf, items, check_mode=False)


def test_all_errors_come_at_once_and_before_the_first_change() -> None:
    shelf = Shelf({})
    with pytest.raises(ResourceError, match=r"b: the size.*\nc: the size"):
        converge(shelf, [thing("a", 1), thing("b", -1), thing("c", -1)], check_mode=False)
    assert shelf.writes == 0


def test_an_object_given_twice_is_refused() -> None:
    with pytest.raises(ResourceError, match="more than once"):
        converge(Shelf({}), [thing("a", 1), thing("a", 2)], check_mode=False)


def test_a_bare_node_is_predicted_in_check_mode_and_refused_else() -> None:
    bare = Shelf({}, installed=False)
    assert converge(bare, [thing("a", 1)], check_mode=True)["changed"]
    with pytest.raises(NotInstalled, match="no shelf"):
        converge(bare, [thing("a", 1)], check_mode=False)


def test_what_needs_a_restart_is_data() -> None:
    class Engine(Shelf):
        def plan(self, current: Object | None, wanted: Object) -> list[Change]:
            return [Change("size", 1, 2, restart=True), Change("colour", None, "red")]

    outcome = converge(Engine({"a": {"name": "a", "size": 1}}), [thing("a", 2)], check_mode=True)
    assert outcome["things"][0]["restart_required"]
    assert outcome["things"][0]["restart_fields"] == ["size"]
