"""QEMU's monitor: what a person does to a machine at its case. https://www.qemu.org/docs/master/interop/qmp-spec.html."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, TextIO

SECONDS = 10.0


def _ask(stream: TextIO, command: str, **arguments: Any) -> dict[str, Any]:
    """The answer to a command, past greeting and events; empty when the machine was switched off meanwhile."""
    stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    stream.flush()
    for line in stream:
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise OSError(f"{command}: {answer['error']['desc']}")
        if "return" in answer:
            return answer
    return {}


def execute(monitor: Path, command: str, **arguments: Any) -> Any:
    """The answer of a running machine to a command, None when it is off. Raise OSError for one that is refused."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SECONDS)
        try:
            client.connect(str(monitor))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        with client.makefile("rw", encoding="utf-8") as stream:
            return (_ask(stream, "qmp_capabilities") and _ask(stream, command, **arguments)).get("return")


def event(monitor: Path, names: set[str], seconds: float) -> str:
    """The first of some events of a running machine. Raise TimeoutError where none comes in time."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(seconds)
        client.connect(str(monitor))
        with client.makefile("rw", encoding="utf-8") as stream:
            _ask(stream, "qmp_capabilities")
            for line in stream:
                if (name := str(json.loads(line).get("event"))) in names:
                    return name
    raise OSError("the machine was switched off")
