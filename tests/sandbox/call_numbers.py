"""Numbers of the system calls that attacks make: those of PiCloud's own tables, and more (`asm/unistd_64.h` and
`asm-generic/unistd.h` of Linux)."""

import platform

from picloud.sandbox_pool.syscalls import MACHINES

_MORE: dict[str, tuple[int, int | None]] = {
    "add_key": (248, 217),
    "arch_prctl": (158, None),
    "copy_file_range": (326, 285),
    "epoll_create1": (291, 20),
    "eventfd2": (290, 19),
    "execveat": (322, 281),
    "fanotify_init": (300, 262),
    "fsopen": (430, 430),
    "futex_wake": (454, 454),
    "get_robust_list": (274, 100),
    "init_module": (175, 105),
    "inotify_init1": (294, 26),
    "io_setup": (206, 0),
    "io_uring_enter": (426, 426),
    "ioperm": (173, None),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "map_shadow_stack": (453, 453),
    "mbind": (237, 235),
    "membarrier": (324, 283),
    "memfd_secret": (447, 447),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "mseal": (462, 462),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pkey_alloc": (330, 289),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_writev": (311, 271),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "remap_file_pages": (216, 234),
    "rseq": (334, 293),
    "rt_sigqueueinfo": (129, 138),
    "sched_setattr": (314, 274),
    "semget": (64, 190),
    "sendmmsg": (307, 269),
    "setns": (308, 268),
    "signalfd4": (289, 74),
    "splice": (275, 76),
    "swapoff": (168, 225),
    "syslog": (103, 116),
    "timer_create": (222, 107),
    "timerfd_create": (283, 85),
    "tkill": (200, 130),
    "vfork": (58, None),
    "vmsplice": (278, 75),
}
"""Name -> the number on x86-64, and on aarch64 where it has such a call."""


def call_numbers(machine: str) -> dict[str, int]:
    """By name, of those that this machine (as of uname -m) has."""
    column = list(MACHINES).index(machine)
    more = {name: number for name, pair in _MORE.items() if (number := pair[column]) is not None}
    return {**MACHINES[machine][1], **more}


NUMBERS = call_numbers(platform.machine())
