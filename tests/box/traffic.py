"""What goes on while units are killed and restarted: `load.py` inside the machine."""

import json
import subprocess
from pathlib import Path

from tests.box.admin import SECRET
from tests.box.machine import Machine

PROGRAM = (Path(__file__).parent / "load.py").read_text()
PATIENCE_S = 300


class Traffic:
    """Begins at once."""

    def __init__(self, machine: Machine, kind: str, count: int, url: str) -> None:
        command = machine.command("python3", "-c", PROGRAM, kind, str(count), url, SECRET)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def ended(self) -> dict[str, int]:
        """How often each answer came."""
        said = self._process.communicate(timeout=PATIENCE_S)[0]
        assert self._process.returncode == 0
        answers: dict[str, int] = json.loads(said)
        return answers
