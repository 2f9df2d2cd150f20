"""The web server of `picloud serve`. Pyramid is imported from here, once deliveries go on."""

import socket
from contextlib import ExitStack
from threading import Thread

from picloud.app import make_app
from picloud.services.runtime import Runtime
from picloud.views.email_inbound import note_refusal
from picloud.views.server import WebServer

DRAIN_S = 10.0


def start_web(runtime: Runtime, listening: socket.socket, stack: ExitStack) -> WebServer:
    """A server that runs in a thread of its own, and is ended with `stack`."""
    settings = runtime.settings
    server = WebServer(
        make_app(runtime),
        listening,
        threads=settings.web_threads + settings.callers_max + settings.streams_max,
        body_max_bytes=settings.http_max_body_bytes,
        refused=lambda path, error, size: note_refusal(runtime, path, error, size, None),
    )
    thread = Thread(target=server.run, name="web")
    thread.start()
    stack.callback(thread.join)
    stack.callback(server.stop, DRAIN_S)
    stack.callback(runtime.execution_feed.close)  # else open streams would be waited for
    return server
