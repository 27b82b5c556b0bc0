"""QEMU's monitor: what a person does to a machine at its case. https://www.qemu.org/docs/master/interop/qmp-spec.html."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

SECONDS = 10.0


def execute(monitor: Path, command: str, **arguments: Any) -> Any:
    """The answer of a running machine to a command, None when it is off. Raise OSError for one that is refused."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SECONDS)
        try:
            client.connect(str(monitor))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        with client.makefile("rw", encoding="utf-8") as stream:
            answer: dict[str, Any] = {}
            for step in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(step) + "\n")
                stream.flush()
                # The greeting and events come in between.
                while not answer.keys() & {"return", "error"}:
                    line = stream.readline()
                    if not line:  # It was switched off meanwhile.
                        return None
                    answer = json.loads(line)
                if "error" in answer:
                    raise OSError(f"{command}: {answer['error']['desc']}")
                result, answer = answer["return"], {}
            return result
