"""Attacks in plain Python and ctypes: each is the body of a handler that returns something true if it succeeded."""

import re
from dataclasses import dataclass

from tests.sandbox.call_numbers import NUMBERS

PRELUDE = f"""
NUMBERS = {NUMBERS}

import ctypes, errno, mmap, os, resource, signal, socket, struct, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def call(which, *arguments):
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(NUMBERS.get(which, which)), *values)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """`real` says that the control run, without confinement, must show it to succeed."""

    name: str
    body: str
    real: bool = True

    @property
    def source(self) -> str:
        lines = "\n".join(f"    {line}" for line in self.body.strip().splitlines())
        return f"{PRELUDE}\ndef handler(ctx):\n{lines}\n"

    @property
    def known_here(self) -> bool:
        """Whether this machine has the calls that it makes."""
        return all(name in NUMBERS for name in re.findall(r"call\('(\w+)'", self.body))


_ATTACKS = [
    Attack("read a file", "return open('/etc/passwd').read(20)"),
    Attack(
        "read a file by openat2", "return call('openat2', -100, b'/etc/passwd', struct.pack('=QQQ', 0, 0, 0), 24) >= 0"
    ),
    Attack("list a folder", "return os.listdir('/')"),
    Attack("stat a file", "return os.stat('/etc/passwd').st_size"),
    Attack("write a file", "return os.open('/tmp/picloud-attack', os.O_CREAT | os.O_WRONLY) >= 0"),
    Attack("make a folder", "os.mkdir('/tmp/picloud-attack-' + str(os.getpid()))\nreturn True"),
    Attack("read /proc/self/maps", "return open('/proc/self/maps').read(10)"),
    Attack("read /proc of the parent", "return open('/proc/' + str(os.getppid()) + '/cmdline').read()"),
    Attack("read the environment of init", "return open('/proc/1/environ').read()", real=False),
    Attack("TCP", "return socket.socket(socket.AF_INET, socket.SOCK_STREAM).fileno() >= 0"),
    Attack("UDP", "return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).fileno() >= 0"),
    Attack("raw socket", "return socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).fileno() >= 0", real=False),
    Attack("netlink", "return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).fileno() >= 0"),
    Attack("unix socket", "return socket.socket(socket.AF_UNIX).fileno() >= 0"),
    Attack(
        "abstract socket", "s = socket.socket(socket.AF_UNIX)\ns.bind('\\0picloud' + str(os.getpid()))\nreturn True"
    ),
    Attack("socketpair", "return len(socket.socketpair())"),
    Attack("vsock", "return call('socket', 40, 1, 0) >= 0", real=False),
    Attack("fork", "pid = os.fork()\nif pid == 0:\n    os._exit(0)\nreturn pid"),
    Attack("vfork", "return call('vfork') >= 0", real=False),
    Attack(
        "clone3",
        "args = struct.pack('=11Q', *[0] * 4, 17, *[0] * 6)\n"
        "pid = call('clone3', args, 88)\nif pid == 0:\n    os._exit(0)\nreturn pid",
    ),
    Attack("thread", "t = threading.Thread(target=int)\nt.start()\nt.join()\nreturn True"),
    Attack("exec", "os.execv('/bin/true', ['true'])", real=False),
    Attack("posix_spawn", "return os.posix_spawn('/bin/true', ['true'], {})"),
    Attack("execveat", "return call('execveat', -100, b'/bin/true', None, None, 0)", real=False),
    Attack("kill the zygote", "os.kill(os.getppid(), 0)\nreturn True"),
    Attack("kill everybody", "os.kill(-1, 0)\nreturn True"),
    Attack("tgkill another", "return call('tgkill', os.getppid(), os.getppid(), 0) == 0"),
    Attack("pidfd_open", "return os.pidfd_open(os.getppid()) >= 0"),
    Attack("signal the pid 1 of the namespace", "os.kill(1, 0)\nreturn True", real=False),
    Attack("tkill another", "return call('tkill', os.getppid(), 0) == 0"),
    Attack(
        "process_madvise",
        "return call('process_madvise', os.pidfd_open(os.getppid()), None, 0, 20, 0) == 0",
        real=False,
    ),
    Attack("process_mrelease", "return call('process_mrelease', os.pidfd_open(os.getppid()), 0) == 0", real=False),
    Attack("kcmp", "return call('kcmp', os.getpid(), os.getpid(), 1, 0, 0) == 0"),
    Attack("move_pages", "return call('move_pages', os.getppid(), 0, None, None, None, 0) == 0", real=False),
    Attack("robust futexes of another", "return call('get_robust_list', os.getppid(), None, None) == 0", real=False),
    Attack("a session of its own", "return os.setsid() is None"),
    Attack("a process group of its own", "os.setpgid(0, 0)\nreturn True"),
    Attack("clone into new namespaces", "return call('clone', 0x7E020000 | 17, None, None, None, 0) > 0", real=False),
    Attack(
        "descriptors to the driver",
        "s = worker._channel._sock\nreturn s.sendmsg([b''], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack('i', 0))])",
        real=False,
    ),
    Attack(
        "descriptors from the driver", "return worker._channel._sock.recvmsg(1, 100, socket.MSG_DONTWAIT)", real=False
    ),
    Attack("sendmmsg", "return call('sendmmsg', worker._channel._sock.fileno(), None, 0, 0) == 0"),
    Attack("out-of-band data", "return worker._channel._sock.send(b'x', socket.MSG_OOB)"),
    Attack("a look at out-of-band data", "return worker._channel._sock.recv(1, socket.MSG_OOB)", real=False),
    Attack("zero-copy data", "return worker._channel._sock.send(b'', 0x4000000)", real=False),
    Attack("options of its socket", "return worker._channel._sock.setsockopt(1, 7, 1 << 20) is None"),
    Attack("its socket's name", "return worker._channel._sock.getsockname() == ''"),
    Attack("shut its socket", "return worker._channel._sock.shutdown(0) is None"),
    Attack("signals by its socket", "return call('fcntl', worker._channel._sock.fileno(), 8, os.getpid()) == 0"),
    Attack(
        "an ioctl of its socket",
        "return call('ioctl', worker._channel._sock.fileno(), 0x541B, ctypes.create_string_buffer(4)) == 0",
    ),
    Attack(
        "open_by_handle_at",
        "return call('open_by_handle_at', -100, ctypes.create_string_buffer(136), 0) >= 0",
        real=False,
    ),
    Attack(
        "name_to_handle_at",
        "handle = ctypes.create_string_buffer(struct.pack('=Ii', 128, 0), 136)\n"
        "return call('name_to_handle_at', -100, b'/', handle, ctypes.create_string_buffer(8), 0) == 0",
        real=False,
    ),
    Attack("open_tree", "return call('open_tree', -100, b'/', 0) >= 0"),
    Attack("fsopen", "return call('fsopen', b'tmpfs', 0) >= 0", real=False),
    Attack("rseq", "return call('rseq', ctypes.create_string_buffer(64), 32, 0, 0) == 0", real=False),
    Attack("membarrier", "return call('membarrier', 0, 0, 0) > 0"),
    Attack("arch_prctl", "return call('arch_prctl', 0x1003, ctypes.create_string_buffer(8)) == 0"),
    Attack("modify_ldt", "return call('modify_ldt', 0, ctypes.create_string_buffer(16), 16) >= 0", real=False),
    Attack("ioperm", "return call('ioperm', 0, 1, 1) == 0", real=False),
    Attack("protection keys", "return call('pkey_alloc', 0, 0) >= 0", real=False),
    Attack("io_uring_enter", "return call('io_uring_enter', 0, 0, 0, 0, None, 0) >= 0", real=False),
    Attack("io_setup", "return call('io_setup', 1, ctypes.create_string_buffer(8)) == 0"),
    Attack("vmsplice", "return call('vmsplice', 1, None, 0, 0) >= 0", real=False),
    Attack("splice", "return call('splice', 0, None, 1, None, 0, 0) >= 0", real=False),
    Attack("copy_file_range", "return call('copy_file_range', 0, None, 1, None, 0, 0) >= 0", real=False),
    Attack("futex2", "return call('futex_wake', ctypes.create_string_buffer(8), 1, 1, 0x82) >= 0", real=False),
    Attack(
        "a futex that moves waiters", "b = ctypes.create_string_buffer(8)\nreturn call('futex', b, 3, 0, 0, b, 0) == 0"
    ),
    Attack("a futex with inheritance", "return call('futex', ctypes.create_string_buffer(8), 6, 0, None, 0, 0) == 0"),
    Attack("POSIX timers", "return call('timer_create', 0, None, ctypes.create_string_buffer(8)) == 0"),
    Attack("interval timers", "signal.setitimer(signal.ITIMER_REAL, 100)\nreturn True"),
    Attack("signalfd", "return call('signalfd4', -1, ctypes.create_string_buffer(8), 8, 0) >= 0"),
    Attack("landlock", "return call('landlock_create_ruleset', None, 0, 1) > 0", real=False),
    Attack(
        "its own filter's listener", "return call('seccomp', 2, 0, ctypes.create_string_buffer(4)) == 0", real=False
    ),
    Attack("let others trace it", "return libc.prctl(0x59616D61, -1, 0, 0, 0) == 0", real=False),
    Attack(
        "its scheduling slice",
        "return call('sched_setattr', 0, struct.pack('=IIQiIQQQ', 48, 0, 0, 19, 0, 100000, 0, 0), 0) == 0",
    ),
    Attack("core scheduling", "return libc.prctl(62, 1, 0, 0, 0) == 0", real=False),
    Attack("quotas", "return call('quotactl', 0x800001, None, 0, None) == 0", real=False),
    Attack("swapoff", "return call('swapoff', b'/x') == 0", real=False),
    Attack("kernel modules", "return call('init_module', b'', 0, b'') == 0", real=False),
    Attack("kexec", "return call('kexec_load', 0, 0, None, 0) == 0", real=False),
    Attack("the kernel's log", "return call('syslog', 3, ctypes.create_string_buffer(64), 64) >= 0", real=False),
    Attack("the host's name", "socket.sethostname('x')\nreturn True", real=False),
    Attack("groups", "os.setgroups([])\nreturn True", real=False),
    Attack("the user's keyring, by clone of init", "return call('unshare', 0x20000000) == 0", real=False),
    Attack("pidfd_getfd", "return call('pidfd_getfd', os.pidfd_open(os.getppid()), 0, 0)", real=False),
    Attack(
        "sigqueue another",
        "return call('rt_sigqueueinfo', os.getppid(), 0, ctypes.create_string_buffer(128)) == 0",
        real=False,
    ),
    Attack("ptrace", "return call('ptrace', 16, os.getppid(), 0, 0) == 0", real=False),
    Attack("ptrace oneself", "return call('ptrace', 0, 0, 0, 0) == 0"),
    Attack(
        "process_vm_readv",
        "data = ctypes.create_string_buffer(8)\n"
        "vector = struct.pack('=QQ', ctypes.addressof(data), 8)\n"
        "return call('process_vm_readv', os.getpid(), vector, 1, vector, 1, 0)",
    ),
    Attack("process_vm_writev", "return call('process_vm_writev', os.getppid(), None, 0, None, 0, 0) == 0"),
    Attack("memfd", "return os.memfd_create('x') >= 0"),
    Attack("memfd_secret", "return call('memfd_secret', 0)", real=False),
    Attack("user namespace", "return call('unshare', 0x10000000) == 0"),
    Attack("setns", "return call('setns', 3, 0) == 0", real=False),
    Attack("chroot", "os.chroot('/')\nreturn True", real=False),
    Attack("mount", "return call('mount', b'none', b'/tmp', b'tmpfs', 0, None) == 0", real=False),
    Attack("setuid root", "os.setuid(0)\nreturn os.getuid() == 0", real=False),
    Attack("System V shared memory", "return call('shmget', 0, 4096, 0o1600) >= 0"),
    Attack("System V queue", "return call('msgget', 0, 0o1600) >= 0"),
    Attack("System V semaphores", "return call('semget', 0, 1, 0o1600) >= 0"),
    Attack(
        "POSIX queue",
        "return call('mq_open', b'picloud' + str(os.getpid()).encode(), 0o102, 0o600, None) >= 0",
        real=False,
    ),
    Attack("keyctl", "return call('keyctl', 0, -3, 1) != 0"),
    Attack("add_key", "return call('add_key', b'user', b'picloud', b'x', 1, -3)", real=False),
    Attack("io_uring", "return call('io_uring_setup', 4, ctypes.create_string_buffer(120)) >= 0", real=False),
    Attack("bpf", "return call('bpf', 0, ctypes.create_string_buffer(128), 128) >= 0", real=False),
    Attack(
        "perf_event_open",
        "return call('perf_event_open', ctypes.create_string_buffer(128), 0, -1, -1, 0) >= 0",
        real=False,
    ),
    Attack("userfaultfd", "return call('userfaultfd', 1) >= 0", real=False),
    Attack("fanotify", "return call('fanotify_init', 0, 0) >= 0", real=False),
    Attack("inotify", "return call('inotify_init1', 0) >= 0"),
    Attack("timerfd", "return call('timerfd_create', 1, 0) >= 0"),
    Attack("eventfd", "return call('eventfd2', 0, 0) >= 0"),
    Attack("epoll", "return call('epoll_create1', 0) >= 0"),
    Attack("pipe", "return len(os.pipe())"),
    Attack("personality", "return call('personality', 0x0040000) >= 0"),
    Attack("change the limits", "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nreturn True"),
    Attack("be dumpable again", "return libc.prctl(4, 1, 0, 0, 0) == 0"),
    Attack("outlive the parent", "return libc.prctl(1, 0, 0, 0, 0) == 0"),
    Attack("executable memory", "return mmap.mmap(-1, 4096, mmap.MAP_PRIVATE, prot=7) is not None"),
    Attack(
        "make memory executable",
        "m = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE)\n"
        "address = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
        "return libc.mprotect(ctypes.c_void_p(address), 4096, 7) == 0",
    ),
    Attack("a mapping of a descriptor", "return mmap.mmap(3, 4096, mmap.MAP_PRIVATE, prot=1) is not None", real=False),
    Attack("remap_file_pages", "return call('remap_file_pages', 0, 4096, 0, 0, 0) == 0", real=False),
    Attack("mremap to a fixed place", "return call('mremap', 0, 4096, 4096, 3, 1 << 30) > 0", real=False),
    Attack(
        "memory that forks don't get",
        "return call('madvise', ctypes.addressof(ctypes.create_string_buffer(1)) & ~4095, 4096, 10) == 0",
    ),
    Attack(
        "memory poisoned",
        "return call('madvise', ctypes.addressof(ctypes.create_string_buffer(1)) & ~4095, 4096, 100) == 0",
        real=False,
    ),
    Attack("mbind", "return call('mbind', 0, 0, 0, None, 0, 0) == 0"),
    Attack("mseal", "return call('mseal', 0, 0, 0) == 0", real=False),
    Attack("shadow stacks", "return call('map_shadow_stack', 0, 4096, 0) > 0", real=False),
    Attack(
        "1 GiB by growing a mapping",
        "address = call('mmap', 0, 4096, 3, 0x22, -1, 0)\nreturn call('mremap', address, 4096, 1 << 30, 1) > 0",
    ),
    Attack("1 GiB shared", "m = mmap.mmap(-1, 1 << 30)\nm[::4096] = b'x' * (1 << 18)\nreturn True", real=False),
    Attack("a small shared mapping", "return mmap.mmap(-1, 4096) is not None"),
    Attack("a page in a place of its own", "return call('mmap', 1 << 36, 4096, 1, 0x32, -1, 0) > 0"),
    Attack("a page in a place of its choice", "return call('mmap', 1 << 36, 4096, 1, 0x22, -1, 0) > 0"),
    Attack(
        "the CPU clock of the zygote",
        "return call('clock_gettime', (~1 << 3) | 2, ctypes.create_string_buffer(16)) == 0",
    ),
    Attack(
        "a sleep by another's CPU clock",
        "return call('clock_nanosleep', (~1 << 3) | 2, 0, struct.pack('=qq', 0, 1), None) == 0",
        real=False,
    ),
    Attack("a mapping that grows down", "return call('mmap', 0, 1 << 28, 3, 0x122, -1, 0) > 0"),
    Attack("huge pages", "return call('mmap', 0, 1 << 21, 3, 0x40022, -1, 0) > 0", real=False),
    Attack("64 GiB of read-only mapping", "return call('mmap', 0, 1 << 36, 1, 0x4022, -1, 0) > 0"),
    Attack("1 GiB by malloc", "libc.malloc.restype = ctypes.c_void_p\nreturn libc.malloc(ctypes.c_size_t(1 << 30))"),
    Attack("1 GiB by brk", "return libc.sbrk(ctypes.c_long(1 << 30)) != -1", real=False),
    Attack("locked memory", "return libc.mlockall(1) == 0", real=False),
    Attack("descriptors", "return [os.dup(3) for _ in range(100)]", real=False),
    Attack("a call of the old 32-bit kind", "return call(0x40000000 + 39) > 0", real=False),
    Attack("a call that doesn't exist", "return call(9999) >= 0", real=False),
    Attack("real-time priority", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))\nreturn True", real=False),
    Attack("nicer than allowed", "os.setpriority(os.PRIO_PROCESS, 0, -10)\nreturn True", real=False),
    Attack("reboot", "return call('reboot', 0, 0, 0, 0) == 0", real=False),
    Attack("the clock", "time.clock_settime(time.CLOCK_REALTIME, time.time())\nreturn True", real=False),
    Attack("a second filter", "return libc.prctl(22, 2, None) == 0", real=False),
]
ATTACKS = [attack for attack in _ATTACKS if attack.known_here]
