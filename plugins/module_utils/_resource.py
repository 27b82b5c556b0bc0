# Copyright (c) 2026 The cairn.hci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one engine of all modules: read, plan, apply.

A module declares a :class:`Resource`; :func:`run` alone knows check mode, diff, errors, the bulk form and the return
values. All plans are made before the first change, so bad input changes nothing.

Private to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

Object = dict[str, Any]


class ResourceError(Exception):
    """What is wrong with which object, and what to do; shown to the user as it is."""


class NotInstalled(ResourceError):
    """The system itself is not there yet (no package, no configuration), so none of its objects exist.

    Check mode on a bare node predicts from that; a real run fails with the message.
    """


class MissingLibrary(NotInstalled):
    """A binding that the node lacks."""

    def __init__(self, library: str, package: str, error: Exception) -> None:
        super().__init__(f"{missing_required_lib(library)} Debian's package is {package}. ({error})")


@dataclass(frozen=True)
class Change:
    """One step of a plan: what `field` is and what it shall be.

    `action` is one of `create`, `update`, `remove` or a verb of the resource (`grow`, `start`). A change with `restart`
    is written, yet takes effect only when the object is next started.
    """

    field: str
    before: Any
    after: Any
    action: str = "update"
    restart: bool = False


def create(wanted: Object, *, ignore: tuple[str, ...] = ("state",)) -> list[Change]:
    """The plan for an object that does not exist: every option that was given."""
    return [
        Change(field, None, value, "create")
        for field, value in wanted.items()
        if value is not None and field not in ignore
    ]


def remove() -> list[Change]:
    """The plan for an object that shall not exist."""
    return [Change("state", "present", "absent", "remove")]


def differences(current: Object, wanted: Object, *, ignore: tuple[str, ...] = ("state",)) -> list[Change]:
    """The options that were given (not None) and are not so."""
    return [
        Change(field, current.get(field), value)
        for field, value in wanted.items()
        if value is not None and field not in ignore and current.get(field) != value
    ]


class Resource:
    """One kind of object, in one system.

    Subclasses set `plural` (the option that takes a list, and the key of the result) and define :meth:`read` and
    :meth:`apply`; :meth:`plan` where comparing the options field by field is not enough.
    """

    plural: str
    key: str = "name"

    def __init__(self, params: Object) -> None:
        """Keep the module's parameters; connections are opened by :meth:`open`."""
        self.params = params
        # All objects of the task, for kinds whose objects matter to each other; none for an info module.
        self.wanted: list[Object] = []

    def expand(self, items: list[Object]) -> list[Object]:
        """Return the objects that `items` stand for, where one item may stand for many; called before :meth:`open`."""
        return items

    def open(self) -> None:
        """Connect. Raise ResourceError when that fails."""

    def close(self) -> None:
        """Disconnect; called in every case."""

    def identity(self, item: Object) -> str:
        """What tells one object from another; the option `key`, unless names are unique only within something."""
        return str(item[self.key])

    def read(self, wanted: list[Object] | None) -> dict[str, Object]:
        """Return the existing objects among `wanted` (None: all) by identity, in as few calls as can be."""
        raise NotImplementedError

    def normalise(self, wanted: Object, current: Object | None) -> Object:
        """Return `wanted` in the units and spelling of :meth:`read`. Raise ResourceError for what can't be right."""
        return wanted

    def plan(self, current: Object | None, wanted: Object) -> list[Change]:
        """Return the changes that lead from `current` (None: does not exist) to `wanted`. Pure: no I/O.

        Raise ResourceError for what shall not be done (shrink, remove while in use).
        """
        if wanted.get("state", "present") == "absent":
            return remove() if current is not None else []
        return create(wanted) if current is None else differences(current, wanted)

    def apply(self, current: Object | None, wanted: Object, changes: list[Change]) -> None:
        """Carry out the plan of one object; safe to run again when it was interrupted."""
        raise NotImplementedError

    def predict(self, current: Object | None, wanted: Object, changes: list[Change]) -> Object | None:
        """Return what the object will be after `changes`: the answer of check mode. Override it for nested fields."""
        return predict(current, changes)

    def apply_all(self, work: list[tuple[Object | None, Object, list[Change]]]) -> None:
        """Carry out the plans of all objects that change; override it to work in parallel or in an order."""
        for current, wanted, changes in work:
            self.apply(current, wanted, changes)


def result(found: Object | None, item: Object, key: str, changes: list[Change]) -> Object:
    """One object of the return value: what is there now, and what was changed."""
    pending = (found or {}).get("restart_fields") or []
    restart = sorted({c.field for c in changes if c.restart}.union(pending))
    entry = dict(found or {}) | {
        key: item[key],
        "state": "absent" if found is None else "present",
        "changed": bool(changes),
    }
    if restart:
        entry |= {"restart_required": True, "restart_fields": restart}
    return entry


def predict(current: Object | None, changes: list[Change]) -> Object | None:
    """What the object will be after `changes`: the answer of check mode."""
    if not changes:
        return current
    if any(c.action == "remove" for c in changes):
        return None
    return (current or {}) | {c.field: c.after for c in changes}


def diff(plans: dict[str, list[Change]]) -> Object:
    """Ansible's diff: only the fields that change, by object."""
    changed = {name: changes for name, changes in plans.items() if changes}
    return {
        "before": {
            name: {c.field: c.before for c in changes if c.before is not None} for name, changes in changed.items()
        },
        "after": {name: {c.field: c.after for c in changes} for name, changes in changed.items()},
    }


def wanted_objects(params: Object, plural: str, fields: set[str]) -> list[Object]:
    """The objects that the task names: the list form, or the one object of the flat form."""
    items = params.get(plural)
    return [{field: params.get(field) for field in fields}] if items is None else items


def make_plans(
    resource: Resource, wanted: dict[str, Object], current: dict[str, Object]
) -> tuple[dict[str, Object], dict[str, list[Change]]]:
    """The normalised options and the plan of every object; all errors at once, before the first change."""
    normal: dict[str, Object] = {}
    plans: dict[str, list[Change]] = {}
    errors = []
    for name, item in wanted.items():
        try:
            normal[name] = resource.normalise(item, current.get(name))
            plans[name] = resource.plan(current.get(name), normal[name])
        except ResourceError as error:
            errors.append(str(error))
    if errors:
        raise ResourceError("\n".join(errors))
    return normal, plans


def read_current(resource: Resource, items: list[Object] | None, check_mode: bool) -> dict[str, Object]:
    """What is there; nothing, where check mode meets a node on which the system itself is not installed yet."""
    try:
        resource.open()
        return resource.read(items)
    except NotInstalled:
        if not check_mode:
            raise
        return {}


def converge(resource: Resource, items: list[Object], check_mode: bool) -> Object:
    """Open, read, plan everything, then apply; return what Ansible shows."""
    items = resource.wanted = resource.expand(items)
    wanted = {resource.identity(item): item for item in items}
    if len(wanted) < len(items):
        raise ResourceError(f"{resource.plural}: an object is given more than once; give each {resource.key} once.")
    current = read_current(resource, items, check_mode)
    normal, plans = make_plans(resource, wanted, current)
    todo = [name for name in wanted if plans[name]]
    after: dict[str, Object | None] = dict(current)
    if check_mode:
        after |= {name: resource.predict(current.get(name), normal[name], plans[name]) for name in todo}
    elif todo:
        resource.apply_all([(current.get(name), normal[name], plans[name]) for name in todo])
        found = resource.read([wanted[name] for name in todo])
        after |= {name: found.get(name) for name in todo}
    return {
        "changed": bool(todo),
        "diff": diff(plans),
        resource.plural: [result(after.get(name), item, resource.key, plans[name]) for name, item in wanted.items()],
    }


def flat(options: Object) -> Object:
    """The options of one object as options of the module: not required, for the list form may be used instead."""
    return {field: {k: v for k, v in spec.items() if k != "required"} for field, spec in options.items()}


def run(resource: type[Resource], options: Object, common: Object | None = None, **module_options: Any) -> None:
    """The `main()` of a resource module. `options` describe one object, `common` what is given once (connection)."""
    plural, key = resource.plural, resource.key
    module = AnsibleModule(
        argument_spec={
            **flat(options),
            # The secrets among the options are marked one by one.
            plural: {"type": "list", "elements": "dict", "options": options, "no_log": False},
            **(common or {}),
        },
        required_one_of=[(key, plural)],
        mutually_exclusive=[(key, plural)],
        supports_check_mode=True,
        **module_options,
    )
    thing = resource(module.params)
    try:
        try:
            outcome = converge(thing, wanted_objects(module.params, plural, set(options)), module.check_mode)
        finally:
            thing.close()
    except ResourceError as error:
        module.fail_json(msg=str(error))
    # Ansible would return the options too; for a thousand objects that costs more time than to read them.
    outcome["invocation"] = {"module_args": {name: value for name, value in module.params.items() if name != plural}}
    module.exit_json(**outcome)


def run_info(resource: type[Resource], common: Object | None = None, *, required: bool = False) -> None:
    """The `main()` of an `_info` module: all objects, or those called `name` (one or a list; `required`: not all)."""
    key = resource.key
    module = AnsibleModule(
        argument_spec={key: {"type": "list", "elements": "str", "required": required}, **(common or {})},
        supports_check_mode=True,
    )
    names = module.params[key]
    wanted = None if names is None else [{**module.params, key: name} for name in names]
    thing = resource(module.params)
    try:
        try:
            found = read_current(thing, wanted, module.check_mode)
        finally:
            thing.close()
    except ResourceError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **{resource.plural: [found[name] for name in sorted(found)]})
