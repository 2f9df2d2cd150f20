"""`picloud-mail-pipe`: one mail from a mail server's pipe to an email trigger of the provider `mime`, signed.

A mail server runs it once for each mail, so it loads little. Its exit codes are those of sysexits.h, which Postfix,
OpenSMTPD and Exim understand: 0 taken, 65 never to be taken (the mail bounces), 75 anything that may pass (the mail waits),
a wrong secret and any trouble of its own included.
"""

import argparse
import hashlib
import http.client
import os
import re
import ssl
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from picloud.inbound.signatures import sign_standard

EX_OK, EX_DATAERR, EX_TEMPFAIL = 0, 65, 75
CONFIG = "/etc/picloud/mail-pipe.conf"
MAIL_MAX_BYTES = 64 * 1024 * 1024
TIMEOUT_S = 60.0
_TAKEN, _NEVER = (200, 202), (406, 413, 422)
_MBOX_LINE = re.compile(rb"From [^\n]*\n")
_UNFIT = re.compile(r"[^!-~]")


class NotNow(Exception):
    """It can't be done now. The text goes to the mail server's log."""


@dataclass(frozen=True, slots=True)
class Target:
    url: SplitResult
    secret: str = field(repr=False)


def main() -> None:
    """Never ends with a code that bounces a mail by mistake."""
    try:
        code = deliver(sys.argv[1:], os.environ)
    except NotNow as error:
        print(f"picloud-mail-pipe: {error}", file=sys.stderr)
        code = EX_TEMPFAIL
    except Exception as error:
        print(f"picloud-mail-pipe: {type(error).__name__}", file=sys.stderr)
        code = EX_TEMPFAIL
    sys.exit(code)


def deliver(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """The exit code. Raises NotNow."""
    given = _arguments(argv)
    target = _target(Path(given.config), environ)
    sender = given.sender if given.sender is not None else environ.get("SENDER", "")
    recipients = given.recipients or [value for value in (environ.get("RECIPIENT"),) if value]
    mail = sys.stdin.buffer.read(MAIL_MAX_BYTES + 1)
    if len(mail) > MAIL_MAX_BYTES:
        return EX_DATAERR
    return _sent(target, _with_envelope(mail, sender, recipients))


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="picloud-mail-pipe", description="Hand one mail from standard input to PiCloud.")
    parser.add_argument("--config", default=CONFIG, help=f"file with `url` and `secret`, mode 600 (default: {CONFIG})")
    parser.add_argument("-f", dest="sender", help="envelope sender (default: $SENDER)")
    parser.add_argument("recipients", nargs="*", help="envelope recipients (default: $RECIPIENT)")
    return parser.parse_args(argv)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise NotNow(message)


def _target(config: Path, environ: Mapping[str, str]) -> Target:
    """From the environment, else from the file. Raises NotNow."""
    if "PICLOUD_MAIL_SECRET" in environ:
        found = {"url": environ.get("PICLOUD_MAIL_URL", ""), "secret": environ["PICLOUD_MAIL_SECRET"]}
    else:
        found = _read(config)
    url = urlsplit(found.get("url", ""))
    if url.scheme not in ("http", "https") or not url.hostname:
        raise NotNow("url has to be the trigger's inbound URL")
    return Target(url, found.get("secret", ""))


def _read(config: Path) -> dict[str, str]:
    try:
        with config.open(encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise NotNow(f"{config} can be read by others: chmod 600 {config}")
            lines = [line.partition("=") for line in file if "=" in line and not line.lstrip().startswith("#")]
    except OSError as error:
        raise NotNow(f"{config}: {error.strerror}") from None
    return {name.strip(): value.strip() for name, _, value in lines}


def _with_envelope(mail: bytes, sender: str, recipients: Sequence[str]) -> bytes:
    """The envelope stands before the mail's own fields, where the signature covers it and no sender can write."""
    bare = mail[match.end() :] if (match := _MBOX_LINE.match(mail)) else mail
    fields = [f"X-Envelope-From: <{_UNFIT.sub('', sender)}>"]
    fields += [f"X-Envelope-To: <{_UNFIT.sub('', recipient)}>" for recipient in recipients]
    return "".join(f"{line}\n" for line in fields).encode() + bare


def _sent(target: Target, body: bytes) -> int:
    try:
        # The same in every try of one mail, so that PiCloud knows it again.
        webhook_id = f"mail_{hashlib.sha256(body).hexdigest()}"
        signed = sign_standard(target.secret, body, webhook_id=webhook_id, timestamp_s=int(time.time()))
        status = _posted(target.url, body, signed)
    except (OSError, http.client.HTTPException) as error:
        raise NotNow(f"{target.url.hostname} can't be reached: {error}") from None
    except ValueError as error:
        raise NotNow(str(error)) from None
    if status in _TAKEN:
        return EX_OK
    print(f"picloud-mail-pipe: {target.url.hostname} answers {status}", file=sys.stderr)
    return EX_DATAERR if status in _NEVER else EX_TEMPFAIL


def _posted(url: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
    connection = _connection(url)
    try:
        try:
            path = f"{url.path}?{url.query}" if url.query else url.path
            connection.request("POST", path, body, {"Content-Type": "message/rfc822", **headers})
        except (BrokenPipeError, ConnectionResetError):
            pass  # too large a mail is answered before it is read
        return connection.getresponse().status
    finally:
        connection.close()


def _connection(url: SplitResult) -> http.client.HTTPConnection:
    host = url.hostname or ""
    if url.scheme == "https":
        return http.client.HTTPSConnection(host, url.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, url.port, timeout=TIMEOUT_S)
