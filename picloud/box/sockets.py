"""Where the parts listen: Unix sockets for the proxy's group, or the loopback address where there is no proxy."""

import grp
import shutil
import socket
import stat
from pathlib import Path

from picloud.box.account import USER
from picloud.box.files import ensure_content
from picloud.box.layout import LOOPBACK, PARTS, WHOLE, Web
from picloud.box.programs import run
from picloud.box.step import BoxError, Done

FOLDER = Path("/etc/systemd/system")
GROUP = "caddy"
MODE = 0o660
ALL = (*WHOLE.webs, *PARTS.webs)
_CONNECT_S = 1.0
_LISTENS = "00010000"
"""The flag of /proc/net/unix; see proc_pid_net(5)."""
_LOOPBACK = """\
# Written by `picloud init`: no proxy stands in front, so nobody is believed what it says of the client's address.
[Socket]
ListenStream=
ListenStream={address}:{port}
SocketGroup=root
"""


def ensure_sockets(*, proxied: bool) -> Done:
    """Raises BoxError where there is no group for the proxy."""
    if proxied:
        _check_group()
        found = [folder for folder in map(_folder, ALL) if (folder / "loopback.conf").exists()]
        for folder in found:
            (folder / "loopback.conf").unlink()
            if not any(folder.iterdir()):
                shutil.rmtree(folder)
        changed = bool(found)
    else:
        written = [ensure_content(_folder(web) / "loopback.conf", _loopback(web)) for web in ALL]
        changed = any(written)
    if changed:
        run("systemctl", "daemon-reload")
    return Done(changed, f"Unix sockets for the group {GROUP}" if proxied else f"{LOOPBACK}, without a proxy")


def is_right(web: Web, *, proxied: bool) -> bool:
    """Whether somebody listens there, and the proxy alone may connect."""
    if not proxied:
        with socket.socket() as probe:
            probe.settimeout(_CONNECT_S)
            return probe.connect_ex((LOOPBACK, web.port)) == 0
    try:
        found = web.path.stat()
    except OSError:
        return False
    mode = stat.S_IMODE(found.st_mode)
    return _is_heard(web.path) and (found.st_uid, found.st_gid, mode) == (0, _gid(), MODE)


def is_of_our_group(unit: str) -> bool:
    """Whether the socket of a part that serves no HTTP is for our user as it is now."""
    found = Path("/run") / unit / f"{unit.removeprefix('picloud-')}.sock"
    return _is_heard(found) and found.stat().st_gid == grp.getgrnam(USER).gr_gid


def is_proxied(web: Web) -> bool:
    return not (_folder(web) / "loopback.conf").exists()


def _is_heard(path: Path) -> bool:
    """Whether somebody listens: systemd calls a socket active even if its unit's file was gone, and its descriptor with it."""
    sockets = (line.split(maxsplit=7) for line in Path("/proc/net/unix").read_text().splitlines())
    return path.exists() and any(found[3] == _LISTENS and found[7:] == [str(path)] for found in sockets)


def _check_group() -> None:
    try:
        _gid()
    except KeyError:
        raise BoxError(
            f"There is no group {GROUP} on this machine. Install Caddy as a package: apt install caddy"
        ) from None


def _gid() -> int:
    return grp.getgrnam(GROUP).gr_gid


def _folder(web: Web) -> Path:
    return FOLDER / f"{web.socket}.d"


def _loopback(web: Web) -> str:
    return _LOOPBACK.format(address=LOOPBACK, port=web.port)
