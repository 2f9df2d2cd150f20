import json
import sys
from dataclasses import asdict

import click

from picloud.cli.options import plain_errors
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.sandbox_pool.layers import Layer


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@plain_errors(ExecutorGone)
def command(as_json: bool) -> None:
    """Try out what confines handlers on this machine. Exit code 1 where something required is missing."""
    executor = Executor()
    try:
        layers = executor.examined()
    finally:
        executor.close()
    if as_json:
        click.echo(json.dumps([asdict(layer) for layer in layers], indent=2))
    else:
        for layer in layers:
            click.echo(_line(layer))
    sys.exit(any(layer.required and not layer.holds for layer in layers))


def _line(layer: Layer) -> str:
    sign = "✓" if layer.holds else "✗" if layer.required else "!"
    weight = "required" if layer.required else "bonus"
    return f"{sign} {layer.name:27} {weight:9} {layer.detail}"
