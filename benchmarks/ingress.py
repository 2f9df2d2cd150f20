"""How many events a second are taken for good (202 after the commit) from one client, and from eight at once.

python -m benchmarks.ingress [SECONDS]

Mails to an unsigned email trigger whose deliveries go to a trivial handler, on a served instance. In turns; the best of
each. Clients are processes of their own.
"""

import http.client
import json
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from benchmarks.box import served

CLIENTS = (1, 8)
ROUNDS = 3


def send(port: int, path: str, until: float, result: Connection) -> None:
    """Mails one after the other on one connection. How many were taken."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    taken = 0
    while time.monotonic() < until:
        mail = {"from": "ada@example.com", "to": ["in@example.org"], "subject": f"{time.monotonic_ns()} {id(result)}"}
        connection.request("POST", path, json.dumps(mail), {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        taken += response.status == 202
    result.send(taken)


def rate(port: int, path: str, clients: int, seconds: int) -> float:
    """Events a second."""
    until = time.monotonic() + seconds
    pipes = [multiprocessing.Pipe() for _ in range(clients)]
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=send, args=(port, path, until, ours)) for _, ours in pipes]
    for process in processes:
        process.start()
    taken = sum(theirs.recv() for theirs, _ in pipes)
    for process in processes:
        process.join()
    return taken / seconds


def main(seconds: int) -> None:
    best = dict.fromkeys(CLIENTS, 0.0)
    with served(PICLOUD_LOG_LEVEL="WARNING") as box:
        box.admin("POST", "/apps", {"slug": "bench", "name": "Benchmark"})
        box.admin("POST", "/apps/bench/scripts", {"name": "it", "source": "def handler(ctx):\n    return None\n"})
        trigger = box.admin("POST", "/apps/bench/triggers/email", {"script": "it"})
        path = urlsplit(trigger["inbound_url"]).path
        box.connection.close()
        for _ in range(ROUNDS):
            for clients in CLIENTS:
                best[clients] = max(best[clients], rate(box.port, path, clients, seconds))
    for clients, found in best.items():
        print(f"{clients} clients: {found:7.0f} events/s")
    one, many = best.values()
    print(f"ratio: {many / one:.2f} (target: 2)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
