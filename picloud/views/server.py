"""waitress, set to sleep when nothing comes, and with problems for the requests that it refuses itself."""

import socket
import time
from collections.abc import Callable
from threading import Event
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer, create_server
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge

from picloud.domain import errors
from picloud.domain.ids import uuid7
from picloud.views.answer_headers import guard
from picloud.views.problems import problem_response

CONNECTIONS_MAX = 500
SLEEP_S = 60
CHANNEL_TIMEOUT_S = 60
HEADERS_MAX_BYTES = 64 * 1024
BODY_HEADROOM = 4
FRESH_S = 1.0
"""At a stop, a connection that is younger than this may be about to send its request."""
UNSENT_MAX_BYTES = 1024 * 1024
"""Beyond this much that a client has not taken yet, a stream to it ends."""


_REFUSALS: dict[int, type[errors.PicloudError]] = {
    413: errors.TooLarge,
    500: errors.Unavailable,  # our own trouble: several mail providers take a 4xx for a final no
}


Refused = Callable[[str, errors.PicloudError, int], None]
"""Gets the request's path, why it was refused, and the size of its body as far as that was told."""


def _refused_silently(path: str, error: errors.PicloudError, body_bytes: int) -> None:
    pass


class ProblemTask(ErrorTask):  # type: ignore[misc]
    """waitress's own refusals (malformed, too large, too slow) as RFC 9457 problems."""

    def execute(self) -> None:
        refused = self.request.error
        kind = _REFUSALS.get(refused.code, errors.BadRequest)
        detail = "" if kind is errors.Unavailable else str(refused.body)
        # Where not even the request line could be read there is no path.
        path = getattr(self.request, "path", "")
        self.channel.server.refused(path, kind(detail), self.request.content_length)
        request_id = str(uuid7())
        response = problem_response(kind(detail), request_id)
        response.headers["X-Request-Id"] = request_id
        guard(response, https=False)
        self.status = response.status
        self.response_headers = [pair for pair in response.headerlist if pair[0] != "Content-Length"]
        self.response_headers.append(("Connection", "close"))
        self.content_length = len(response.body)
        self.close_on_finish = True
        self.write(response.body)


class ProblemChannel(HTTPChannel):  # type: ignore[misc]
    error_task_class = ProblemTask

    def send_continue(self) -> None:
        """Who asks first whether to send a body that is too large is told so, and keeps it (RFC 9110, 10.1.1)."""
        request = self.request
        limit = self.adj.max_request_body_size // BODY_HEADROOM
        if request.content_length <= limit:
            super().send_continue()
            return
        request.expect_continue = False
        request.error = RequestEntityTooLarge(f"The body is larger than {limit} bytes.")
        request.completed = True

    def check_client_disconnected(self) -> bool:
        """Also while a stream goes out, when the loop does not read; and when the client reads too slowly."""
        return not self.connected or self.total_outbufs_len > UNSENT_MAX_BYTES or _has_hung_up(self.socket)


def _has_hung_up(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


class WebServer:
    """Serves `app` on a bound socket. `run` blocks until `stop` is called from another thread.

    `body_max_bytes`: the limit that views enforce. Far beyond it the connection is cut, which many clients report instead
    of the answer. `refused` is told of requests that no view sees.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        listening: socket.socket,
        *,
        threads: int,
        body_max_bytes: int,
        refused: Refused = _refused_silently,
    ) -> None:
        self._server: TcpWSGIServer = create_server(
            app,
            sockets=[listening],
            threads=threads,
            max_request_body_size=body_max_bytes * BODY_HEADROOM,
            max_request_header_size=HEADERS_MAX_BYTES,
            connection_limit=CONNECTIONS_MAX,
            channel_timeout=CHANNEL_TIMEOUT_S,
            asyncore_loop_timeout=SLEEP_S,
            cleanup_interval=SLEEP_S,
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=False,  # `picloud.views.forwarded` does, and has to know that they were there
            ident=None,
        )
        self._server.channel_class = ProblemChannel
        self._server.refused = refused
        self._stop_by: float | None = None
        self._turned = Event()

    def run(self) -> None:
        while self._stop_by is None:
            self._turn(SLEEP_S)
        self._refuse_new()
        while self._busy() and time.monotonic() < self._stop_by:
            self._turn(0.05)
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=max(0.0, self._stop_by - time.monotonic()))

    def stop(self, drain_s: float) -> None:
        """Take no new connection; requests under way have `drain_s` to end."""
        self._stop_by = time.monotonic() + drain_s
        self._server.trigger.pull_trigger()

    def responds(self, timeout_s: float) -> bool:
        """Whether its loop still turns. From another thread."""
        self._turned.clear()
        self._server.trigger.pull_trigger()
        return self._turned.wait(timeout_s)

    def _refuse_new(self) -> None:
        # Not close(): that ends the trigger too, by which threads tell the loop that an answer is ready.
        self._server.accepting = False
        self._server.del_channel()
        self._server.socket.close()

    def _turn(self, timeout_s: float) -> None:
        wasyncore.loop(timeout=timeout_s, map=self._server._map, use_poll=True, count=1)
        self._turned.set()

    def _busy(self) -> bool:
        channels = list(self._server.active_channels.values())
        fresh = time.time() - FRESH_S
        return any(
            channel.requests or channel.request or channel.total_outbufs_len or channel.creation_time > fresh
            for channel in channels
        )
