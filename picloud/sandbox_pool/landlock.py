"""Landlock (landlock(7)), where the kernel has it: a bonus, since Raspberry Pi kernels are built without."""

import ctypes
import os
import struct

from picloud.sandbox_pool import libc

_VERSION = 1
_FILE_RIGHTS = (13, 14, 15, 15, 16)
"""Number of file-system rights by ABI version, from 1 on."""
_NET_RIGHTS = 0b11
_SCOPES = 0b11  # abstract unix sockets, signals


class Ruleset:
    """A ruleset that allows nothing: built once, entered by each worker, which is then a domain of its own."""

    def __init__(self) -> None:
        """Raises OSError where the kernel has no Landlock."""
        self.abi = libc.syscall("landlock_create_ruleset", None, ctypes.c_size_t(0), _VERSION)
        attributes = _attributes(self.abi)
        self._fd = libc.syscall("landlock_create_ruleset", attributes, ctypes.c_size_t(len(attributes)), 0)

    def enter(self) -> None:
        """For good. Raises OSError."""
        libc.syscall("landlock_restrict_self", self._fd, 0)
        os.close(self._fd)


def _attributes(abi: int) -> bytes:
    """struct landlock_ruleset_attr, in the size that this version knows."""
    files = (1 << _FILE_RIGHTS[min(abi, len(_FILE_RIGHTS)) - 1]) - 1
    values = [files, *([_NET_RIGHTS] if abi >= 4 else []), *([_SCOPES] if abi >= 6 else [])]
    return struct.pack(f"={len(values)}Q", *values)
