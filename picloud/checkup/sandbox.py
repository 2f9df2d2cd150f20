"""What confines handlers on this machine, tried out."""

from collections.abc import Iterator

from picloud.checkup.finding import Finding, State, broken
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.sandbox_pool.layers import Layer


def sandbox(executor: Executor) -> Iterator[Finding]:
    try:
        layers = executor.examined()
    except ExecutorGone as error:
        yield broken("sandbox", str(error), "see the log for what the sandbox needs")
        return
    yield from map(_finding, layers)


def _finding(layer: Layer) -> Finding:
    weight = "required" if layer.required else "bonus"
    state = State.OK if layer.holds else State.BROKEN if layer.required else State.WARNING
    return Finding(layer.name, state, f"{weight}: {layer.detail}")
