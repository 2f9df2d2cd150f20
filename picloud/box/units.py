"""The units: copied from the package, with the path of this installation, and started."""

import re
import shutil
import sys
from importlib import resources
from pathlib import Path

from picloud.box import environment, sockets
from picloud.box.files import ensure_content
from picloud.box.layout import PARTS, WHOLE, Layout, present
from picloud.box.programs import run
from picloud.box.step import BoxError, Done

FOLDER = sockets.FOLDER
PACKAGED_PROGRAM = "/opt/picloud/bin/picloud"
TIMER = "picloud-backup.timer"
_CAUSE = re.compile(r"^(?:picloud|Error|\S+\.socket(?=: Failed to create)): (.+)", re.MULTILINE)
_LOG_LINES = "8"
"""As many as systemd itself adds to the last words of a unit that it starts again and again, and one more."""
_HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))
"""From units, by ProtectHome=."""


def program() -> Path:
    """`picloud` of this installation."""
    return Path(sys.prefix) / "bin" / "picloud"


def ensure_systemd() -> Done:
    """Raises BoxError where no systemd runs."""
    if not Path("/run/systemd/system").is_dir():
        raise BoxError("No systemd runs here. Start PiCloud yourself: picloud serve")
    return Done(False, run("systemctl", "--version").splitlines()[0])


def ensure_units() -> Done:
    """Raises BoxError where the service's user could not run the program."""
    _check_program()
    written = [name for name, content in _packaged().items() if ensure_content(FOLDER / name, content)]
    if written:
        run("systemctl", "daemon-reload")
        _end_sockets([name for name in written if name.endswith(".socket")])
    return Done(bool(written), ", ".join(sorted(written)) or f"{FOLDER}/picloud*")


def _end_sockets(names: list[str]) -> None:
    """Those whose files are new: as they are they keep their old form, and none after a reload without the file."""
    for name in filter(_is_active, names):
        run("systemctl", "stop", name, f"{name.removesuffix('.socket')}.service")


def _check_program() -> None:
    for path in (program(), Path(sys.executable)):
        where = path.resolve()
        closed = next((folder for folder in where.parents if not folder.stat().st_mode & 0o001), None)
        hidden = next((folder for folder in where.parents if folder in _HIDDEN), None)
        if found := closed or hidden:
            raise BoxError(
                f"{where} lies below {found}, which PiCloud's units may not enter. Install PiCloud under /opt/picloud, by "
                "the system's Python; if it is there, `chmod -R go+rX /opt/picloud`."
            )
    unreadable = ("-perm", "-o=r", "-o", "-type", "d", "!", "-perm", "-o=x")
    said = run("find", sys.prefix, "!", "-type", "l", "(", "!", *unreadable, ")", "-print", "-quit")
    if said:
        raise BoxError(
            f"{said} may be read by root alone, as after an installation with a strict umask. "
            f"Run `chmod -R go+rX {sys.prefix}`, then this again."
        )


def ensure_started(layout: Layout, *, proxied: bool) -> Done:
    """Its units are enabled and restarted, the other layout's are not. systemd waits until they are ready."""
    changed = _end(WHOLE if layout is PARTS else PARTS)
    changed |= any(not _is_active(unit) for unit in layout.services)
    for web in layout.webs:
        if not _is_active(web.socket) or not sockets.is_right(web, proxied=proxied):
            _renew(web.unit)
            changed = True
    for unit in layout.others:
        if not _is_active(f"{unit}.socket") or not sockets.is_of_our_group(unit):
            _renew(unit)
            changed = True
    run("systemctl", "enable", "--quiet", *layout.services, *layout.sockets, TIMER)
    run("systemctl", "start", *layout.sockets, TIMER)
    restart(layout)
    return Done(changed, f"{', '.join(layout.services)}: active, and start with the machine")


def restart(layout: Layout) -> None:
    """The services, with the code and the settings that are there now. Raises BoxError where one does not start."""
    for service in layout.services:
        start("restart", service)


def start(verb: str, unit: str) -> None:
    """`systemctl start` or another verb. Raises BoxError with what the unit said of the cause, else with the end of its log."""
    try:
        run("systemctl", verb, unit)
    except BoxError as error:
        if said := cause(unit):
            advice = " `ss -ltnp` shows the program there." if "already in use" in said else ""
            raise BoxError(f"{unit} does not start: {said}{advice} Mend that, then run this again.") from error
        raise BoxError(f"{error} Its log ends: {_log_of(unit)}") from error


def cause(unit: str) -> str:
    """Why a unit of ours, or Caddy's, has ended, in its own words. Empty: it didn't say, or we may not read its log."""
    try:
        said = _CAUSE.findall(_log_of(unit))
    except BoxError:
        return ""
    return f"{said[-1].rstrip('.')}.".replace(f"/run/credentials/{unit}", str(environment.ETC)) if said else ""


def _log_of(unit: str) -> str:
    return run("journalctl", "--unit", unit, "--lines", _LOG_LINES, "--output", "cat", "--no-pager")


def state(unit: str) -> tuple[str, bool]:
    """systemd's word for how it is, and whether it starts with the machine."""
    lines = run("systemctl", "show", "-p", "ActiveState", "-p", "UnitFileState", unit).splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return found["ActiveState"], found["UnitFileState"] == "enabled"


def are_installed() -> bool:
    return (FOLDER / WHOLE.services[0]).exists()


def are_outdated() -> bool:
    """Whether this version brings other units than those that are installed."""
    return any(
        (FOLDER / name).read_text() != content for name, content in _packaged().items() if (FOLDER / name).exists()
    )


def remove() -> list[Path]:
    """Stop the units and remove their files. Those that went."""
    found = sorted(FOLDER.glob("picloud*"))
    units = [path.name for path in found if path.suffix in (".service", ".socket", ".timer")]
    if units:
        run("systemctl", "disable", "--quiet", "--now", *units)
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run("systemctl", "daemon-reload")
    return found


def _renew(unit: str) -> None:
    """The socket is made anew. Its service ends first: it may listen there itself."""
    run("systemctl", "stop", f"{unit}.service")
    start("restart", f"{unit}.socket")


def _end(layout: Layout) -> bool:
    """Whether it was there. Sockets first: a request would start their service again."""
    running = any(_is_active(unit) for unit in (*layout.sockets, *layout.services))
    if running or present() is layout:
        run("systemctl", "disable", "--quiet", "--now", *layout.sockets, *layout.services)
    return running


def _is_active(unit: str) -> bool:
    return state(unit)[0] == "active"


def _packaged() -> dict[str, str]:
    """The units of this version by their file names."""
    files = (resources.files("picloud_etc") / "systemd").iterdir()
    return {file.name: file.read_text().replace(PACKAGED_PROGRAM, str(program())) for file in files}
