from picloud.domain.delivery import RetryPolicy
from picloud.settings import Settings


def call_policy(settings: Settings) -> RetryPolicy:
    """How a call by HTTP is tried that was put into the outbox: the instance's defaults, and a call's time."""
    return RetryPolicy(
        settings.trigger_max_attempts,
        settings.trigger_backoff_base_s,
        settings.trigger_backoff_cap_s,
        settings.handler_wall_ms / 1000,
    )
