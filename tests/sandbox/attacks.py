"""Attacks in plain Python and ctypes: each is the body of a handler that returns something true if it succeeded."""

from dataclasses import dataclass

PRELUDE = """
import ctypes, errno, mmap, os, resource, signal, socket, struct, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """`real` says that the control run, without confinement, must show it to succeed. The numbers are x86-64's."""

    name: str
    body: str
    real: bool = True

    @property
    def source(self) -> str:
        lines = "\n".join(f"    {line}" for line in self.body.strip().splitlines())
        return f"{PRELUDE}\ndef handler(ctx):\n{lines}\n"


ATTACKS = [
    Attack("read a file", "return open('/etc/passwd').read(20)"),
    Attack("read a file by openat2", "return call(437, -100, b'/etc/passwd', struct.pack('=QQQ', 0, 0, 0), 24) >= 0"),
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
    Attack("vsock", "return call(41, 40, 1, 0) >= 0", real=False),
    Attack("fork", "pid = os.fork()\nif pid == 0:\n    os._exit(0)\nreturn pid"),
    Attack("vfork", "return call(58) >= 0", real=False),
    Attack(
        "clone3",
        "args = struct.pack('=11Q', *[0] * 4, 17, *[0] * 6)\n"
        "pid = call(435, args, 88)\nif pid == 0:\n    os._exit(0)\nreturn pid",
    ),
    Attack("thread", "t = threading.Thread(target=int)\nt.start()\nt.join()\nreturn True"),
    Attack("exec", "os.execv('/bin/true', ['true'])", real=False),
    Attack("posix_spawn", "return os.posix_spawn('/bin/true', ['true'], {})"),
    Attack("execveat", "return call(322, -100, b'/bin/true', None, None, 0)", real=False),
    Attack("kill the zygote", "os.kill(os.getppid(), 0)\nreturn True"),
    Attack("kill everybody", "os.kill(-1, 0)\nreturn True"),
    Attack("tgkill another", "return call(234, os.getppid(), os.getppid(), 0) == 0"),
    Attack("pidfd_open", "return os.pidfd_open(os.getppid()) >= 0"),
    Attack("pidfd_getfd", "return call(438, os.pidfd_open(os.getppid()), 0, 0)", real=False),
    Attack("sigqueue another", "return call(129, os.getppid(), 0, ctypes.create_string_buffer(128)) == 0", real=False),
    Attack("ptrace", "return call(101, 16, os.getppid(), 0, 0) == 0", real=False),
    Attack("ptrace oneself", "return call(101, 0, 0, 0, 0) == 0"),
    Attack(
        "process_vm_readv",
        "data = ctypes.create_string_buffer(8)\n"
        "vector = struct.pack('=QQ', ctypes.addressof(data), 8)\n"
        "return call(310, os.getpid(), vector, 1, vector, 1, 0)",
    ),
    Attack("process_vm_writev", "return call(311, os.getppid(), None, 0, None, 0, 0) == 0"),
    Attack("memfd", "return os.memfd_create('x') >= 0"),
    Attack("memfd_secret", "return call(447, 0)", real=False),
    Attack("user namespace", "return call(272, 0x10000000) == 0"),
    Attack("setns", "return call(308, 3, 0) == 0", real=False),
    Attack("chroot", "os.chroot('/')\nreturn True", real=False),
    Attack("mount", "return call(165, b'none', b'/tmp', b'tmpfs', 0, None) == 0", real=False),
    Attack("setuid root", "os.setuid(0)\nreturn os.getuid() == 0", real=False),
    Attack("System V shared memory", "return call(29, 0, 4096, 0o1600) >= 0"),
    Attack("System V queue", "return call(68, 0, 0o1600) >= 0"),
    Attack("System V semaphores", "return call(64, 0, 1, 0o1600) >= 0"),
    Attack(
        "POSIX queue", "return call(240, b'picloud' + str(os.getpid()).encode(), 0o102, 0o600, None) >= 0", real=False
    ),
    Attack("keyctl", "return call(250, 0, -3, 1) != 0"),
    Attack("add_key", "return call(248, b'user', b'picloud', b'x', 1, -3)", real=False),
    Attack("io_uring", "return call(425, 4, ctypes.create_string_buffer(120)) >= 0", real=False),
    Attack("bpf", "return call(321, 0, ctypes.create_string_buffer(128), 128) >= 0", real=False),
    Attack("perf_event_open", "return call(298, ctypes.create_string_buffer(128), 0, -1, -1, 0) >= 0", real=False),
    Attack("userfaultfd", "return call(323, 1) >= 0", real=False),
    Attack("fanotify", "return call(300, 0, 0) >= 0", real=False),
    Attack("inotify", "return call(294, 0) >= 0"),
    Attack("timerfd", "return call(283, 1, 0) >= 0"),
    Attack("eventfd", "return call(290, 0, 0) >= 0"),
    Attack("epoll", "return call(291, 0) >= 0"),
    Attack("pipe", "return len(os.pipe())"),
    Attack("personality", "return call(135, 0x0040000) >= 0"),
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
    Attack("1 GiB shared", "m = mmap.mmap(-1, 1 << 30)\nm[::4096] = b'x' * (1 << 18)\nreturn True", real=False),
    Attack("a small shared mapping", "return mmap.mmap(-1, 4096) is not None"),
    Attack("a mapping that grows down", "return call(9, 0, 1 << 28, 3, 0x122, -1, 0) > 0"),
    Attack("huge pages", "return call(9, 0, 1 << 21, 3, 0x40022, -1, 0) > 0", real=False),
    Attack("1 TiB of read-only mapping", "return call(9, 0, 1 << 40, 1, 0x4022, -1, 0) > 0"),
    Attack("1 GiB by malloc", "libc.malloc.restype = ctypes.c_void_p\nreturn libc.malloc(ctypes.c_size_t(1 << 30))"),
    Attack("1 GiB by brk", "return libc.sbrk(ctypes.c_long(1 << 30)) != -1", real=False),
    Attack("locked memory", "return libc.mlockall(1) == 0", real=False),
    Attack("descriptors", "return [os.dup(3) for _ in range(100)]", real=False),
    Attack("a call of the old 32-bit kind", "return call(0x40000000 + 39) > 0", real=False),
    Attack("a call that doesn't exist", "return call(9999) >= 0", real=False),
    Attack("real-time priority", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))\nreturn True", real=False),
    Attack("nicer than allowed", "os.setpriority(os.PRIO_PROCESS, 0, -10)\nreturn True", real=False),
    Attack("reboot", "return call(169, 0, 0, 0, 0) == 0", real=False),
    Attack("the clock", "time.clock_settime(time.CLOCK_REALTIME, time.time())\nreturn True", real=False),
    Attack("a second filter", "return libc.prctl(22, 2, None) == 0", real=False),
]
