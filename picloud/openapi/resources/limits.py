import msgspec
from msgspec import UNSET, UnsetType


class Limits(msgspec.Struct):
    """What a run may use. What is not there is limited by the app or the instance.

    `concurrency`: deliveries that run at once, over all nodes. Without it there is no such limit.
    """

    cpu_ms: int | UnsetType = UNSET
    wall_ms: int | UnsetType = UNSET
    memory_bytes: int | UnsetType = UNSET
    output_bytes: int | UnsetType = UNSET
    log_bytes: int | UnsetType = UNSET
    concurrency: int | UnsetType = UNSET


class EffectiveLimits(msgspec.Struct):
    """What a run may use, all limits above counted in. `wall_ms` is that of a call by HTTP: for a trigger's runs
    the trigger's `timeout_s` stands in place of the instance's. `concurrency` is there only where one is set.
    """

    cpu_ms: int
    wall_ms: int
    memory_bytes: int
    output_bytes: int
    log_bytes: int
    concurrency: int | UnsetType = UNSET
