"""What limits come to: the instance's, narrowed by the app's and the script's."""

from collections.abc import Mapping

from picloud.settings import Settings


def instance_limits(settings: Settings) -> dict[str, int]:
    """What holds for every run. `wall_ms` is that of a call by HTTP: a trigger's runs have its `timeout_s` instead."""
    return {
        "cpu_ms": settings.handler_cpu_ms,
        "wall_ms": settings.handler_wall_ms,
        "memory_bytes": settings.handler_memory_bytes,
        "output_bytes": settings.handler_output_bytes,
        "log_bytes": settings.handler_log_bytes,
    }


def narrowed(limits: Mapping[str, int], *narrower: Mapping[str, int]) -> dict[str, int]:
    """`limits`, of which each is the least that is given anywhere."""
    found = dict(limits)
    for own in narrower:
        for name, value in own.items():
            found[name] = min(value, found.get(name, value))
    return found
