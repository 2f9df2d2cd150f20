"""`raw_zygote` with the system call filter and the resource limits alone: no Landlock, no namespaces, as on a small box."""

import errno

import raw_zygote
from raw_zygote import main

from picloud.sandbox_pool import confinement, namespaces

__all__ = ["main", "raw_zygote"]


def _no_ruleset() -> None:
    raise OSError(errno.ENOSYS, "switched off by a test")


confinement.Ruleset = _no_ruleset  # type: ignore[assignment, misc]
namespaces._enter = lambda extra: ()
