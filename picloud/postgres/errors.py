"""What can go wrong with the embedded PostgreSQL, told to the person who runs PiCloud."""

import errno
import os
import shutil
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MIB = 1024 * 1024


class PostgresError(Exception):
    """The embedded PostgreSQL can't be used. The message names the cause, the place and what to do."""


def start_error(error: BaseException, data_dir: Path) -> PostgresError | None:
    """What to raise instead of `error`, which a start has ended with; None: the error itself."""
    if _is_full(error):
        free = shutil.disk_usage(data_dir).free // _MIB
        return PostgresError(
            f"The disk of {data_dir} is full ({free} MiB free), so PostgreSQL can't start. Free some space there, then "
            f"start PiCloud again: nothing that it has accepted is lost. ({error})"
        )
    if isinstance(error, OSError):
        return PostgresError(f"PostgreSQL can't be started in {data_dir}: {error}")
    return None


def _is_full(error: BaseException) -> bool:
    """Of PostgreSQL's programs there is only the text, in the locale C."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return isinstance(error, PostgresError) and any(os.strerror(number) in str(error) for number in _FULL)
