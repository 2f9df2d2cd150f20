"""Files that `picloud init` writes: whole or not at all, and only where they differ."""

import os
from pathlib import Path


def ensure_content(path: Path, content: str, mode: int = 0o644) -> bool:
    """Whether it had to be written."""
    if path.exists() and path.read_text() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.chmod(mode)
    part.rename(path)
    return True
