"""The commands of the README, run for real: what they print is what docs/howto/first-minutes.md shows, but for times, ids
and secrets. After a wanted change, `python -m tests.functional.test_first_minutes` writes that page anew."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.functional.client import eventually
from tests.functional.serving import PROGRAM, Serving

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "howto" / "first-minutes.md"
ADDRESS = "http://127.0.0.1:8080"
RUNS = 2
"""One called, one by mail."""
HEAD = """# The first five minutes

What the README's commands print, run by a test: times, ids, keys and signatures are masked, answers of the
admin API shortened (`…`). `handler.py` holds the README's handler.

```console
"""
MASKS = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"(setup#|<)?pic_[A-Za-z0-9_-]+", r"\1<key>"),
    (r"whsec_[A-Za-z0-9+/=]+", "<secret>"),
    (r"sha256=[0-9a-f]{64}", "sha256=<signature>"),
    (r"<\d{8}\.\d{6}@", "<<number>@"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
)
TOLD = ("items", "slug", "name", "script", "kind", "attempt", "status", "result", "inbound_url", "inbound_secret")
"""Of the admin API's answers what a newcomer looks for; the rest is the reference's business."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    """Its commands; one that goes on in the next line ends with a backslash or a pipe."""
    joined = re.sub(r"\|\n\s+", "| ", block.replace("\\\n", ""))
    return [line.strip() for line in joined.splitlines() if line.strip()]


def told(said: str) -> str:
    """An answer of the admin API, shortened."""

    def shortened(value: Any) -> Any:
        if isinstance(value, list):
            return [shortened(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {name: shortened(value[name]) for name in TOLD if name in value} | {"…": "…"}

    return json.dumps(shortened(json.loads(said)), ensure_ascii=False) if said.startswith("{") else said


def masked(text: str) -> str:
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return text


class Terminal:
    """A shell in which variables live on, as a newcomer's, with the README's program and address."""

    def __init__(self, server: Serving, folder: Path) -> None:
        self.server = server
        (folder / ".curlrc").write_text("silent\nshow-error\n")
        (folder / "handler.py").write_text(blocks("python")[0])
        self.shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=server.environ() | {"HOME": str(folder), "PICLOUD_DATA_DIR": str(server.data_dir)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        """What it prints."""
        assert self.shell.stdin
        assert self.shell.stdout
        real = command.replace(".venv/bin/picloud", PROGRAM).replace(ADDRESS, self.server.address)
        self.shell.stdin.write(f"{real}\nprintf '\\n\\001\\n'\n")
        self.shell.stdin.flush()
        said = ""
        for line in self.shell.stdout:
            said += line
            if line.endswith("\x01\n"):
                break
        return said.removesuffix("\x01\n").strip()

    def close(self) -> None:
        self.shell.communicate()


def transcript(server: Serving, folder: Path) -> Iterator[str]:
    """The commands and what they print."""
    greeting = eventually(lambda: "executions" in server.output and server.output)
    yield f"$ make serve\n{greeting.strip()}"
    terminal = Terminal(server, folder)
    try:
        for line in re.findall(r"^  (curl '?http.*|curl -H 'Content.*)$", greeting, re.MULTILINE):
            yield f"$ {line}\n{terminal.run(line)}"
        _, second, third = blocks("sh")
        *before, last = commands(second)
        for command in before:
            yield f"$ {command}\n{terminal.run(command)}"
        eventually(lambda: terminal.run(last).count('"delivery_id"') == RUNS)
        for command in (last, *commands(third)):
            yield f"$ {command}\n{told(terminal.run(command))}"
    finally:
        terminal.close()


def page(server: Serving, folder: Path) -> str:
    said = "\n\n".join(masked(step.strip().replace(server.address, ADDRESS)) for step in transcript(server, folder))
    own = said.replace(PROGRAM, ".venv/bin/picloud").replace(f" --data-dir {server.data_dir}", "")
    return f"{HEAD}{own}\n```\n"


def test_make_serve_is_what_is_run_here() -> None:
    dry_run = ["make", "--no-print-directory", "-n", "serve"]
    make = subprocess.run(dry_run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert make.splitlines()[-1].strip() == "exec .venv/bin/picloud serve --sample"
    assert "make serve" in blocks("sh")[0]


def test_the_commands_of_the_readme_print_what_the_page_shows(tmp_path: Path) -> None:
    assert served_page(tmp_path) == PAGE.read_text()


def served_page(folder: Path) -> str:
    server = Serving(folder, "--sample")
    try:
        server.start_and_wait()
        return page(server, folder)
    finally:
        server.end()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(served_page(Path(folder)))
