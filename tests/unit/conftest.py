"""What the unit tests share."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

ModuleRunner = Callable[..., dict[str, Any]]


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str]) -> ModuleRunner:
    """Run a module of the collection in this process, and return what it gives to Ansible.

    `run_module("config_file", path=..., check_mode=True)`.
    """

    def run(name: str, /, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        module = importlib.import_module(f"ansible_collections.cairn.hci.plugins.modules.{name}")
        settings = {"_ansible_check_mode": check_mode, "_ansible_diff": True}
        capsys.readouterr()
        with patch_module_args({**options, **settings}), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run
