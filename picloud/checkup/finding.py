"""What `picloud doctor`, the API and the dashboard say of one thing."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, and something should be done."""
    BROKEN = "broken"

    @property
    def sign(self) -> str:
        return {State.OK: "✓", State.WARNING: "!", State.BROKEN: "✗"}[self]


@dataclass(frozen=True, slots=True)
class Finding:
    """`remedy`: the command or the step that mends it; empty where nothing has to be done."""

    name: str
    state: State
    detail: str
    remedy: str = ""


def ok(name: str, detail: str) -> Finding:
    return Finding(name, State.OK, detail)


def warning(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, State.WARNING, detail, remedy)


def broken(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, State.BROKEN, detail, remedy)
