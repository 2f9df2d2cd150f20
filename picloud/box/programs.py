"""Programs of the system, run to their end."""

import subprocess

from picloud.box.step import BoxError

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATIENCE_S = 400
_SAID_LENGTH = 500


def run(*command: str, stdin: str | None = None) -> str:
    """What it printed. Raises BoxError where it fails or isn't there. Secrets go by `stdin`, never by `command`."""
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            env={"PATH": _PATH, "LC_ALL": "C.UTF-8"},
            cwd="/",
            timeout=_PATIENCE_S,
            check=False,
        )
    except FileNotFoundError:
        raise BoxError(f"There is no program {command[0]!r} on this machine.") from None
    except subprocess.TimeoutExpired:
        raise BoxError(f"`{' '.join(command)}` has not ended after {_PATIENCE_S} s.") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-_SAID_LENGTH:]
        raise BoxError(f"`{' '.join(command)}` ended with code {done.returncode}: {said or 'no output'}")
    return done.stdout.strip()
