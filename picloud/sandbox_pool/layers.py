"""What stands between a handler and the machine, layer by layer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """`required`: without it no handler is run. `detail` says what was found, and where it doesn't hold, what to do."""

    name: str
    required: bool
    holds: bool
    detail: str
