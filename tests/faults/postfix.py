"""A Postfix of its own, on a loopback port, with its queue and log under a folder. It hands every mail to one command."""

import grp
import os
import pwd
import shutil
import smtplib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.functional.client import eventually
from tests.functional.serving import free_port

POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/bin")
USER = "nobody"
GROUP = pwd.getpwnam(USER).pw_gid

_MASTER = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
picloud unix - n n - 4 pipe
  flags=q user={user} null_sender= argv={command}
"""
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
relay_domains = box.example.org
transport_maps = static:picloud:
local_recipient_maps =
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
mynetworks = 127.0.0.0/8
myhostname = mx.box.example.org
picloud_destination_recipient_limit = 1
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 4s
transport_retry_time = 2s
"""


class Postfix:
    """`command`: what `argv=` of the pipe has; it runs as `nobody`."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.folder = folder
        self.port = free_port()
        (folder / "etc").mkdir(parents=True)
        (folder / "queue").mkdir()
        (folder / "data").mkdir()
        postfix = pwd.getpwnam("postfix")
        os.chown(folder / "data", postfix.pw_uid, grp.getgrnam("postfix").gr_gid)
        master = _MASTER.format(port=f"127.0.0.1:{self.port}", user=USER, command=" ".join(command))
        (folder / "etc" / "master.cf").write_text(master)
        (folder / "etc" / "main.cf").write_text(_MAIN.format(folder=folder))

    def start(self) -> None:
        self._run("start")

    def stop(self) -> None:
        self._run("stop")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def send(self, sender: str, recipient: str, mails: Sequence[bytes]) -> None:
        """By SMTP, one connection. Raises SMTPException unless each was queued."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as smtp:
            for mail in mails:
                smtp.sendmail(sender, [recipient], mail)

    def wait_until_empty(self, timeout_s: float) -> None:
        eventually(lambda: not self._queued(), timeout_s)

    def _queued(self) -> int:
        places = ("maildrop", "incoming", "active", "deferred", "hold")
        return sum(len(files) for place in places for _, _, files in os.walk(self.folder / "queue" / place))

    def _run(self, verb: str) -> None:
        program = ["postfix", "-c", str(self.folder / "etc"), verb]
        done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
