"""What every page says where handlers run although they are not confined."""

from picloud.sandbox_pool.executor import ExecutorGone
from picloud.sandbox_pool.layers import Layer
from picloud.services.runtime import Runtime


def gaps(made_of: Runtime) -> list[Layer]:
    """The required layers that do not hold; none where handlers are refused for it: /readyz tells that."""
    if not made_of.settings.sandbox_i_accept_unconfined_handlers:
        return []
    try:
        return [layer for layer in made_of.executor.examined() if layer.required and not layer.holds]
    except ExecutorGone:
        return []
