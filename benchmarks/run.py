"""`/run` against a plain Pyramid JSON view on the same waitress settings, in turns, one connection each.

python -m benchmarks.run [CALLS]
"""

import http.client
import multiprocessing
import socket
import statistics
import sys
import time

from benchmarks.box import served

WARM_UP = 200
TURNS = 10


def serve_plain(listening: socket.socket) -> None:
    from pyramid.config import Configurator

    from picloud.views.server import WebServer

    config = Configurator()
    config.add_route("it", "/it")
    config.add_view(lambda request: {"hello": "world"}, route_name="it", renderer="json")
    WebServer(config.make_wsgi_app(), listening, threads=24, body_max_bytes=1 << 20).run()


def timed(connection: http.client.HTTPConnection, path: str, calls: int) -> list[float]:
    """Milliseconds of each call."""
    found = []
    for _ in range(calls):
        started = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        found.append((time.perf_counter() - started) * 1000)
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status}")
    return found


def main(calls: int) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    plain_process = multiprocessing.get_context("fork").Process(target=serve_plain, args=(listening,), daemon=True)
    plain_process.start()
    plain = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1])
    with served(PICLOUD_LOG_LEVEL="WARNING") as box:
        box.admin("POST", "/apps", {"slug": "bench"})
        box.admin(
            "POST",
            "/apps/bench/scripts",
            {"name": "it", "source": "def handler(ctx):\n    return {'hello': 'world'}\n"},
        )
        box.admin("POST", "/apps/bench/routes", {"method": "GET", "path": "/it", "script": "it"})
        run = http.client.HTTPConnection("127.0.0.1", box.port)
        timed(plain, "/it", WARM_UP)
        timed(run, "/run/bench/it", WARM_UP)
        plain_ms: list[float] = []
        run_ms: list[float] = []
        for _ in range(TURNS):
            plain_ms += timed(plain, "/it", calls // TURNS)
            run_ms += timed(run, "/run/bench/it", calls // TURNS)
    plain_process.terminate()
    for name, values in (("plain Pyramid view", plain_ms), ("/run", run_ms)):
        p99 = statistics.quantiles(values, n=100)[98]
        print(f"{name:20} p50 {statistics.median(values):6.3f} ms   p99 {p99:6.3f} ms   ({len(values)} calls)")
    print(f"{'ratio of p50':20} {statistics.median(run_ms) / statistics.median(plain_ms):6.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
