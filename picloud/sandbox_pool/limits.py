"""What one run may use. Passing any of them ends the run, never its neighbours."""

from dataclasses import asdict, dataclass

from picloud.sandbox_pool.units import MIB

__all__ = ["MIB", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of one run.

    `memory_bytes` is what a worker may grow by over an empty one (RLIMIT_DATA). `output_bytes` bounds the encoded
    result or response, `log_bytes` and `log_lines` what is logged, `host_calls` and `host_bytes` the number of calls
    through `ctx` and the bytes that they send.
    """

    cpu_ms: int = 1_000
    wall_ms: int = 30_000
    memory_bytes: int = 64 * MIB
    output_bytes: int = MIB
    log_bytes: int = 64 * 1024
    log_lines: int = 1_000
    host_calls: int = 1_000
    host_bytes: int = 4 * MIB

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 1:
            raise ValueError("every limit must be at least 1")

    def as_dict(self) -> dict[str, int]:
        return asdict(self)
