"""What holds for every module, role and plugin of the collection (STYLE: one shape for all)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for path in (ROOT / "plugins/modules").glob("*.py") if path.name != "__init__.py")
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
MAX_FUNCTION_LINES = 40
MAX_MODULE_LINES = 150


def load(path: Path) -> Any:
    """The YAML of a file; None when it does not exist."""
    return yaml.safe_load(path.read_text()) if path.exists() else None


def code_lines(source: str) -> int:
    """Lines that are code: no documentation, docstring, comment or blank line."""
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr | ast.Assign) and isinstance(node.value, ast.Constant):
            skipped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(source.splitlines(), 1)
    return sum(
        1 for number, line in lines if number not in skipped and line.strip() and not line.strip().startswith("#")
    )


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def imports(path: Path) -> set[str]:
    """The names that a file imports from elsewhere."""
    found = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom))
    return {name.name for node in found for name in node.names}


def test_the_action_group_has_every_module() -> None:
    groups = load(ROOT / "meta/runtime.yml")["action_groups"]
    assert groups == {"all": [path.stem for path in MODULES]}, "run `make docs`"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_that_manages_something_has_an_info_twin(path: Path) -> None:
    # What ceph_purge removes is told by node_info.
    if "run" in imports(path) and path.stem != "ceph_purge":
        assert path.with_stem(f"{path.stem}_info").exists()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_is_small(path: Path) -> None:
    assert code_lines(path.read_text()) <= MAX_MODULE_LINES


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_no_function_is_long(path: Path) -> None:
    assert [(name, lines) for name, lines in functions(path) if lines > MAX_FUNCTION_LINES] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_documents_exactly_its_defaults(role: Path) -> None:
    spec = load(role / "meta/argument_specs.yml")
    assert spec, "write meta/argument_specs.yml"
    options = spec["argument_specs"]["main"].get("options") or {}
    documented = {name: option["default"] for name, option in options.items() if "default" in option}
    assert documented == (load(role / "defaults/main.yml") or {})


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_describes_every_variable(role: Path) -> None:
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"].get("options") or {}
    assert [name for name, option in options.items() if not option.get("description") or not option.get("type")] == []


def test_no_other_collection_is_needed() -> None:
    tasks = "\n".join(path.read_text() for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml"))
    used = set(re.findall(r"^[ -]+(\w+\.\w+)\.\w+:", tasks, re.MULTILINE))
    assert used <= {"ansible.builtin", "cairn.hci"}


@pytest.mark.parametrize("name", ["galaxy.yml", "meta", "playbooks", "plugins", "roles"])
def test_a_clone_runs_through_its_links(name: str) -> None:
    link = ROOT / "collections/ansible_collections/cairn/hci" / name
    assert link.is_symlink()
    assert link.resolve() == ROOT / name
