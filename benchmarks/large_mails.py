"""Memory of the server while large mails come in, over what it has idle: one of 10 MiB, and four at once.

python -m benchmarks.large_mails [ROUNDS]

Raw mails with an attachment of 7 MiB, signed, by the provider `mime`. `peak` is the highest resident size in between,
`kept` what is left some seconds later.
"""

import base64
import http.client
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.box import served
from picloud.inbound.signatures import sign_plain

AT_ONCE = (1, 4)
ATTACHED_BYTES = 7 * 1024 * 1024
SETTLE_S = 5
HANDLER = "def handler(ctx):\n    return [each.size for each in ctx.event.email.attachments]\n"


def mail() -> bytes:
    head = b"From: ada@example.com\r\nTo: in@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    attached = b"--b\r\nContent-Disposition: attachment; filename=a\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    content = base64.encodebytes(os.urandom(ATTACHED_BYTES)).replace(b"\n", b"\r\n")
    return head + b"--b\r\n\r\nHello\r\n" + attached + content + b"--b--\r\n"


def send(port: int, path: str, secret: str) -> None:
    """Until it is taken: more than two at once are asked to come again."""
    body, status = mail(), 0
    headers = {"Content-Type": "message/rfc822", **sign_plain(secret, body)}
    while status != 202:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", path, body, headers)
        status = connection.getresponse().status
        connection.close()
        if status not in (202, 503):
            raise RuntimeError(f"answered with {status}")


def status_mib(pid: int, name: str) -> float:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024


def main(rounds: int) -> None:
    with served(PICLOUD_LOG_LEVEL="WARNING") as box:
        box.admin("POST", "/apps", {"slug": "mail"})
        box.admin("POST", "/apps/mail/scripts", {"name": "it", "source": HANDLER})
        wanted = {"script": "it", "provider": "mime", "inbound_secret": "generate"}
        trigger = box.admin("POST", "/apps/mail/triggers/email", wanted)
        path, pid = urlsplit(trigger["inbound_url"]).path, box.process.pid
        time.sleep(SETTLE_S)
        idle = status_mib(pid, "VmRSS")
        print(f"idle {idle:.0f} MiB; a mail has {len(mail()) / 2**20:.1f} MiB")
        for at_once in AT_ONCE * rounds:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted anew
            with ThreadPoolExecutor(at_once) as senders:
                list(senders.map(lambda _: send(box.port, path, trigger["inbound_secret"]), range(at_once)))
            peak = status_mib(pid, "VmHWM") - idle
            time.sleep(SETTLE_S)
            print(
                f"{at_once} at once: peak +{peak:.0f} MiB, kept +{status_mib(pid, 'VmRSS') - idle:.0f} MiB", flush=True
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
