"""Write what can be derived: a page for each plugin, a page of all variables, and the action group of all modules.

``python docs/generate.py`` writes the files, ``--check`` only says which are stale (status 1).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
MADE = "<!-- Made by `make docs`; edit the source, not this page. -->\n"
KINDS = {"module": "modules", "filter": "filters", "inventory": "inventory plugins"}


def markdown(text: str | list[str] | None) -> str:
    """Ansible's markup (its developer guide, "Ansible markup") as Markdown that fits in a cell of a table."""
    lines = text if isinstance(text, list) else [text or ""]
    joined = "<br>".join(" ".join(str(line).split()) for line in lines)
    joined = re.sub(r"\bL\(([^,)]+),\s*([^)]+)\)", r"[\1](\2)", joined)
    joined = re.sub(r"\bU\(([^)]+)\)", r"<\1>", joined)
    joined = re.sub(r"\b(?:RV|[BCEIMOPV])\(((?:[^)\\]|\\.)*)\)", r"`\1`", joined)
    return joined.replace("\\)", ")").replace("|", "\\|")


def shape(option: dict[str, Any]) -> str:
    """Type, choices and default of an option."""
    kind = str(option.get("type", "str"))
    if "elements" in option:
        kind += f" of {option['elements']}"
    if "choices" in option:
        kind = ", ".join(f"`{choice}`" for choice in option["choices"])
    if option.get("required"):
        return f"{kind}, required"
    if option.get("default") is not None:
        return f"{kind}; default `{json.dumps(option['default'])}`"
    return kind


def rows(options: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """A table row for each option, then those within it, unless the page has them already (the bulk form)."""
    for name, option in sorted(options.items(), key=lambda item: (not item[1].get("required"), item[0])):
        yield f"| `{prefix}{name}` | {shape(option)} | {markdown(option.get('description'))} |"
        inner = option.get("suboptions") or option.get("options") or option.get("contains") or {}
        if prefix or not inner.keys() <= options.keys():
            yield from rows(inner, f"{prefix}{name}{'[]' if option.get('type') == 'list' else ''}.")


def table(head: str, options: dict[str, Any]) -> str:
    """The options as a Markdown table."""
    return "\n".join([f"| {head} | Type | Meaning |", "|---|---|---|", *rows(options)]) + "\n"


def plugin_page(name: str, entry: dict[str, Any]) -> str:
    """The page of one module or other plugin."""
    doc = entry["doc"]
    description = doc["description"] if isinstance(doc["description"], list) else [doc["description"]]
    parts = [
        MADE,
        f"# {name}\n",
        f"{doc['short_description']}.\n",
        "\n\n".join(markdown(line) for line in description) + "\n",
    ]
    if doc.get("options"):
        parts += ["## Options\n", table("Option", doc["options"])]
    if doc.get("notes"):
        parts += ["## Notes\n", "\n".join(f"- {markdown(note)}" for note in doc["notes"]) + "\n"]
    if entry.get("examples"):
        parts += ["## Examples\n", f"```yaml\n{entry['examples'].strip()}\n```\n"]
    if entry.get("return"):
        parts += ["## Return values\n", table("Key", entry["return"])]
    return "\n".join(parts)


def variables_page() -> str:
    """All variables of all roles, in the order in which site.yml runs the roles."""
    site = (ROOT / "playbooks/site.yml").read_text()
    specs = sorted(ROOT.glob("roles/*/meta/argument_specs.yml"), key=lambda path: (site.find(path.parts[-3]), path))
    parts = [
        MADE,
        "# Variables\n",
        "Set on a host or a group of the inventory. Every variable is optional unless it says required.\n",
    ]
    for path in specs:
        spec = yaml.safe_load(path.read_text())["argument_specs"]["main"]
        parts += [f"## {path.parts[-3]}\n", f"{markdown(spec['short_description'])}.\n"]
        if spec.get("options"):
            parts.append(table("Variable", spec["options"]))
    return "\n".join(parts)


def runtime() -> str:
    """meta/runtime.yml, with one action group of all modules, for `module_defaults: {group/cairn.hci.all: ...}`."""
    modules = sorted(path.stem for path in ROOT.glob("plugins/modules/*.py"))
    names = "".join(f"    - {name}\n" for name in modules)
    return f'---\n# Made by `make docs`.\nrequires_ansible: ">=2.19.0"\naction_groups:\n  all:\n{names}'


def files() -> dict[Path, str]:
    """Every generated file with its text."""
    command = ["ansible-doc", "--metadata-dump", "cairn.hci"]
    dump = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    if dump.returncode:
        sys.exit("ansible-doc could not read the documentation of the collection; its error is above.")
    plugins = json.loads(dump.stdout)["all"]
    made = {ROOT / "docs/variables.md": variables_page(), ROOT / "meta/runtime.yml": runtime()}
    for kind, title in KINDS.items():
        for name, entry in plugins.get(kind, {}).items():
            folder = ROOT / "docs" / title.replace(" ", "_")
            made[folder / f"{name.removeprefix('cairn.hci.')}.md"] = plugin_page(name, entry)
    return made


def main() -> int:
    """Write, or with --check compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is stale")
    check = parser.parse_args().check
    made = files()
    old = {
        path for title in KINDS.values() for path in (ROOT / "docs" / title.replace(" ", "_")).glob("*.md")
    } - made.keys()
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if check:
        for path in sorted(old | set(stale)):
            print(f"{path.relative_to(ROOT)} is stale; run `make docs`", file=sys.stderr)
        return 1 if old or stale else 0
    for path in old:
        path.unlink()
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(made[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
