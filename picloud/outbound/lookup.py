"""Names to addresses, within a deadline: the system's resolver itself knows none."""

import socket
import threading
from concurrent.futures import Future
from ipaddress import ip_address

from picloud.outbound.address import IpAddress
from picloud.outbound.deadline import Deadline, timed_out
from picloud.outbound.errors import OutboundFailed

DOMAIN_SLOTS = 4
"""Look-ups of one domain at a time. One goes on in the background after its caller has given up, so a domain whose name
server hangs fills its own slots, and leaves those of others free."""

_slots = tuple(threading.BoundedSemaphore(DOMAIN_SLOTS) for _ in range(32))


def slots_of(host: str) -> threading.BoundedSemaphore:
    """By the hash of the last two labels, which nobody outside can foresee: no memory for each name that was ever asked."""
    return _slots[hash(tuple(host.split(".")[-2:])) % len(_slots)]


def look_up(host: str, deadline: Deadline) -> list[IpAddress]:
    """The addresses of `host` (ASCII), in the order to try them. Raises OutboundFailed."""
    slots = slots_of(host)
    if not slots.acquire(timeout=deadline.left_s()):
        raise timed_out()
    answer: Future[list[IpAddress]] = Future()
    try:
        threading.Thread(target=_ask, args=(host, answer, slots), name="look-up", daemon=True).start()
    except RuntimeError:
        slots.release()
        raise OutboundFailed("too much is going on here to look up a name") from None
    try:
        return answer.result(deadline.left_s())
    except TimeoutError:
        raise timed_out() from None
    except OSError:
        raise OutboundFailed(f"the name {host} could not be resolved") from None


def _ask(host: str, answer: "Future[list[IpAddress]]", slots: threading.BoundedSemaphore) -> None:
    try:
        found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
        answer.set_result([ip_address(item[4][0]) for item in found])
    except (OSError, ValueError) as error:
        answer.set_exception(OSError(str(error)))
    finally:
        slots.release()
