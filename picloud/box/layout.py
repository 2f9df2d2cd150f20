"""What runs on the box: everything in one process, or the parts apart."""

from dataclasses import dataclass
from pathlib import Path

from picloud.box.programs import run

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Web:
    """A part that serves HTTP. `port`: on the loopback address, where no proxy stands in front."""

    unit: str
    port: int

    @property
    def service(self) -> str:
        return f"{self.unit}.service"

    @property
    def socket(self) -> str:
        return f"{self.unit}.socket"

    @property
    def path(self) -> Path:
        return Path("/run") / self.unit / "http.sock"

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


@dataclass(frozen=True, slots=True)
class Layout:
    """`manager` serves the dashboard and the admin API, `orchestrator` takes calls and mail. `others`: serve no HTTP."""

    name: str
    manager: Web
    orchestrator: Web
    others: tuple[str, ...] = ()

    @property
    def webs(self) -> tuple[Web, ...]:
        return tuple(dict.fromkeys((self.manager, self.orchestrator)))

    @property
    def services(self) -> tuple[str, ...]:
        return (*(f"{unit}.service" for unit in self.others), *(web.service for web in self.webs))

    @property
    def sockets(self) -> tuple[str, ...]:
        return (*(f"{unit}.socket" for unit in self.others), *(web.socket for web in self.webs))


_ONE = Web("picloud", 8080)
WHOLE = Layout("one process", _ONE, _ONE)
PARTS = Layout("parts", Web("picloud-manager", 8080), Web("picloud-orchestrator", 8081), others=("picloud-executor",))


def present() -> Layout:
    """The parts where one of them starts with the machine."""
    states = run("systemctl", "show", "-p", "UnitFileState", "--value", *PARTS.services).split()
    return PARTS if "enabled" in states else WHOLE
