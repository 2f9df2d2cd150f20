"""Starts the keeper of a zygote: exec'd, with an empty environment, so that nothing of ours is in its memory."""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import picloud

ZYGOTE = "picloud.sandbox_pool.zygote"
_BOOTSTRAP = """
import sys
fd, module, parent, *paths = sys.argv[1:]
sys.path += paths
from picloud.sandbox_pool.keeper import main
main(int(fd), module, int(parent))
"""


def start_keeper(
    control: socket.socket, module: str, paths: tuple[str, ...] = (), *, dies_with_us: bool = False
) -> "subprocess.Popen[bytes]":
    """It serves `control`, which the caller closes on its side. Raises OSError.

    `dies_with_us`: also when the thread that calls this ends (prctl(2), PR_SET_PDEATHSIG). Else only when `control` does.
    """
    parent = str(os.getpid() if dies_with_us else 0)
    command = [sys.executable, "-I", "-S", "-c", _BOOTSTRAP, str(control.fileno()), module, parent]
    return subprocess.Popen(
        [*command, *import_paths(), *paths],
        env={},
        pass_fds=(control.fileno(),),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def import_paths() -> list[str]:
    """Where the keeper finds `picloud` and RestrictedPython: it starts without site-packages. Raises OSError."""
    restricted = importlib.util.find_spec("RestrictedPython")
    if restricted is None or restricted.origin is None:
        raise OSError("RestrictedPython is not installed")
    own = str(Path(str(picloud.__file__)).resolve().parent.parent)
    return list(dict.fromkeys([own, str(Path(restricted.origin).resolve().parent.parent)]))
