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
