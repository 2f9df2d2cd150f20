"""What is wrong with a piece of source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodeProblem:
    """`line` and `column` count from 1. `hint` says what to write instead; it may be empty."""

    line: int
    column: int
    message: str
    hint: str = ""
