"""What is wrong with a piece of source."""

from typing import NamedTuple


class CodeProblem(NamedTuple):
    """`line` and `column` count from 1, in characters. `hint` says what to write instead; it may be empty."""

    line: int
    column: int
    message: str
    hint: str = ""
