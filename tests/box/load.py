"""Runs inside the machine, by its own Python: `python3 -c … KIND COUNT URL SECRET`. COUNT 0: until standard input ends.

KIND `mails`: each signed, sent again until it is taken, as senders do. `calls` and `posts` (of nothing) are sent once.
Prints how often each answer came, as JSON; `none` where the connection broke. Other answers than 2xx go to standard error.
"""

import base64
import collections
import hashlib
import hmac
import http.client
import json
import ssl
import sys
import threading
import time
import urllib.parse
import uuid

THREADS = 4
PAUSE_S = 0.02
SHOWN_BYTES = 300
answers: "collections.Counter[str]" = collections.Counter()
counting = threading.Lock()
"""Of the first answers of all threads some would be forgotten."""


def ask(url: urllib.parse.SplitResult, method: str, body: bytes, headers: dict[str, str]) -> str:
    connection = http.client.HTTPSConnection(url.hostname or "", timeout=60, context=ssl._create_unverified_context())
    began = time.monotonic()
    try:
        connection.request(method, url.path, body, headers)
        answer = connection.getresponse()
        status, said = str(answer.status), repr(answer.read()[:SHOWN_BYTES])
    except (OSError, http.client.HTTPException) as error:
        status, said = "none", repr(error)
    finally:
        connection.close()
    with counting:
        answers[status] += 1
    if not status.startswith("2"):
        told = f"{time.strftime('%X')} {method} {url.path}: {status} after {time.monotonic() - began:.1f} s: {said}\n"
        sys.stderr.write(told)
    return status


def mail(url: urllib.parse.SplitResult, secret: str) -> None:
    message_id = f"<{uuid.uuid4()}@example.com>"
    content = {"from": "ada@example.com", "to": ["in@box.test"], "subject": "s", "text": "t", "message_id": message_id}
    body = json.dumps(content).encode()
    now = int(time.time())
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{message_id}.{now}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": "v1," + base64.b64encode(signed).decode(),
    }
    while not ask(url, "POST", body, headers).startswith("20"):
        time.sleep(0.1)


def main(kind: str, count: int, address: str, secret: str) -> None:
    url = urllib.parse.urlsplit(address)

    told = threading.Event()
    if not count:
        threading.Thread(target=lambda: (sys.stdin.read(), told.set()), daemon=True).start()

    def send(first: int) -> None:
        for _ in range(first, count or sys.maxsize, THREADS):
            if told.is_set():
                return
            if kind == "mails":
                mail(url, secret)
            else:
                ask(url, "POST" if kind == "posts" else "GET", b"", {})
            time.sleep(PAUSE_S)

    threads = [threading.Thread(target=send, args=(first,)) for first in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(answers))


main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
