"""The Worker of docs/howto/email-cloudflare.md, run by Node against a receiver that checks what it signs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from picloud.inbound.signatures import verify
from tests.functional.test_email_mail_pipe import SECRET, Receiver, receiver  # noqa: F401
from tests.pace import PATIENCE

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "email-cloudflare.md"
NODE = shutil.which("node")
DRIVE = """
const [url, secret] = process.argv.slice(2);
const said = [];
const message = {
  from: "bounce@example.com", to: "in@box.example.org", raw: new Blob(["From: ada@example.com\\r\\n\\r\\nHi \\u00e9"]).stream(),
  setReject: (reason) => said.push(reason),
};
const worker = (await import("./worker.mjs")).default;
await worker.email(message, { PICLOUD_URL: url, PICLOUD_SECRET: secret }).catch((error) => said.push(`threw ${error.message}`));
console.log(said.join());
"""


@pytest.mark.skipif(NODE is None, reason="needs Node.js")
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, ""),
        (422, "PiCloud does not take this mail (422)"),
        (401, "threw PiCloud answers 401"),
        (503, "threw PiCloud answers 503"),
    ],
)
def test_the_worker_signs_and_throws(receiver: Receiver, tmp_path: Path, status: int, said: str) -> None:  # noqa: F811
    receiver.status = status
    code = re.search(r"```js\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code
    (tmp_path / "worker.mjs").write_text(code[1])
    (tmp_path / "drive.mjs").write_text(DRIVE)
    command = [str(NODE), str(tmp_path / "drive.mjs"), receiver.url, SECRET]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
    assert (done.stdout.strip(), done.returncode) == (said, 0), done.stderr
    [(headers, body)] = receiver.came
    assert body.startswith(
        b"X-Envelope-From: <bounce@example.com>\r\nX-Envelope-To: <in@box.example.org>\r\nFrom: ada@"
    )
    assert headers["content-type"] == "message/rfc822"
    verify(headers, body, [SECRET], float(headers["webhook-timestamp"]))
