"""How long a sender waits for its 202, with the dispatcher asleep and beside one that has more to do than it can.

python -m benchmarks.receiver [SECONDS]

Signed mails of 4 KiB, 50 a second on two connections of a process of their own, each sent at its time whether or not the one
before was quick. The load: jobs of another app, of which more wait than are done meanwhile. In turns; the best of each.
"""

import http.client
import json
import multiprocessing
import secrets
import statistics
import sys
import time
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from benchmarks.box import Box, served
from picloud.inbound.signatures import sign_standard

CONNECTIONS, PER_CONNECTION_S = 2, 25
ROUNDS = 3
JOBS, JOBS_A_CALL = 30_000, 1_000
FILL = f"def handler(ctx):\n    for n in range({JOBS_A_CALL}):\n        ctx.queue('jobs').send(n)\n"
NOTHING = "def handler(ctx):\n    return None\n"


def send(port: int, path: str, secret: str, seconds: int, result: Connection) -> None:
    """Milliseconds that each mail took, from the moment when it was due."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    took = []
    started = time.monotonic()
    for number in range(seconds * PER_CONNECTION_S):
        due = started + number / PER_CONNECTION_S
        time.sleep(max(0.0, due - time.monotonic()))
        mail = {"from": "ada@example.com", "to": ["in@example.org"], "text": "x" * 4096}
        signed = sign_standard(
            secret, body := json.dumps(mail).encode(), webhook_id=secrets.token_hex(), timestamp_s=_now()
        )
        connection.request("POST", path, body, {"Content-Type": "application/json", **signed})
        response = connection.getresponse()
        response.read()
        if response.status != 202:
            raise RuntimeError(f"answered with {response.status}")
        took.append((time.monotonic() - due) * 1000)
    result.send(took)


def _now() -> int:
    return int(time.time())


def waits(port: int, path: str, secret: str, seconds: int) -> list[float]:
    """Of all mails of a round, in milliseconds, sorted."""
    context = multiprocessing.get_context("fork")
    pipes = [multiprocessing.Pipe() for _ in range(CONNECTIONS)]
    processes = [context.Process(target=send, args=(port, path, secret, seconds, ours)) for _, ours in pipes]
    for process in processes:
        process.start()
    took = [each for theirs, _ in pipes for each in theirs.recv()]
    for process in processes:
        process.join()
    return sorted(took)


def make_apps(box: Box) -> tuple[str, str]:
    """The path and the secret of the mail trigger."""
    for app, scripts in (("mail", {"it": NOTHING}), ("load", {"it": NOTHING, "fill": FILL})):
        box.admin("POST", "/apps", {"slug": app})
        for name, source in scripts.items():
            box.admin("POST", f"/apps/{app}/scripts", {"name": name, "source": source})
    box.admin("POST", "/apps/load/triggers/queue", {"script": "it", "queue": "jobs"})
    box.admin("POST", "/apps/load/routes", {"method": "POST", "path": "/fill", "script": "fill"})
    trigger = box.admin("POST", "/apps/mail/triggers/email", {"script": "it", "inbound_secret": "generate"})
    return urlsplit(trigger["inbound_url"]).path, trigger["inbound_secret"]


def show(name: str, took: list[float]) -> None:
    p99 = took[int(len(took) * 0.99)]
    print(
        f"{name:14} p50 {statistics.median(took):6.1f} ms   p99 {p99:6.1f} ms   longest {took[-1]:6.1f} ms", flush=True
    )


def main(seconds: int) -> None:
    with served(PICLOUD_LOG_LEVEL="WARNING") as box:
        path, secret = make_apps(box)
        box.connection.close()
        for _ in range(ROUNDS):
            show("asleep", waits(box.port, path, secret, seconds))
        for _ in range(ROUNDS):
            while box.admin("GET", "/apps/load/deliveries?limit=1")["items"]:
                time.sleep(1)
            for _ in range(JOBS // JOBS_A_CALL):
                box.call("POST", "/run/load/fill", {})
            box.connection.close()
            show("loaded", waits(box.port, path, secret, seconds))
            still = bool(box.admin("GET", "/apps/load/deliveries?limit=1")["items"])
            print("  jobs waited until the end" if still else "  THE LOAD ENDED BEFORE THE MAILS: too few jobs")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
