"""The units that `picloud init` has set up: whether they run, and who may connect to their sockets."""

from collections.abc import Iterator

from picloud.box import layout, proxy, sockets, units
from picloud.box.layout import Web
from picloud.box.step import BoxError
from picloud.checkup.finding import Finding, broken, ok, warning

REPAIR = "picloud init --non-interactive"


def services() -> Iterator[Finding]:
    """Nothing where PiCloud was not set up by `picloud init`."""
    if not units.are_installed():
        return
    try:
        present = layout.present()
        caddy = (proxy.SERVICE,) if proxy.present() else ()
        yield from [_service(service) for service in (*present.services, *caddy)]
    except BoxError as error:
        yield warning("units", str(error), "run doctor as root")
        return
    yield from map(_socket, present.webs)


def _service(unit: str) -> Finding:
    name = f"unit {unit.removesuffix('.service')}"
    state, starts = units.state(unit)
    if state != "active":
        said = units.cause(unit)
        return broken(name, f"is {state}: {said}" if said else f"is {state}", f"systemctl restart {unit}")
    return (
        ok(name, "active") if starts else warning(name, "does not start with the machine", f"systemctl enable {unit}")
    )


def _socket(web: Web) -> Finding:
    name, proxied = f"socket {web.unit}", sockets.is_proxied(web)
    where = str(web.path) if proxied else web.address
    if not sockets.is_right(web, proxied=proxied):
        return broken(name, f"{where} is not there, or others may connect to it", REPAIR)
    return ok(name, f"{where}, for the group {sockets.GROUP} alone" if proxied else f"{where}, without a proxy")
