"""docs/reference/ctx.md names what there is, and nothing else."""

import re
from pathlib import Path

import pytest
from msgspec import UNSET

from picloud.domain.kinds import EventKind, TriggerKind
from picloud.sandbox_pool.context import Context, Log
from picloud.sandbox_pool.host_calls import Kv
from picloud.sandbox_pool.host_http import Http
from picloud.services.events.parts import part

PAGE = (Path(__file__).parents[2] / "docs/reference/ctx.md").read_text()
OF_THE_SCRIPT = {"app", "script", "version", "principal"}


def public(kind: type) -> set[str]:
    return {name for name in {*dir(kind), *getattr(kind, "__slots__", ())} if not name.startswith("_")}


def test_every_attribute_of_ctx_stands_there() -> None:
    # `ctx.print` is what `print` is made of.
    assert set(re.findall(r"ctx\.([a-z_]+)", PAGE)) == (public(Context) | OF_THE_SCRIPT) - {"print"}


@pytest.mark.parametrize("kind", [Kv, Http, Log])
def test_every_method_stands_there(kind: type) -> None:
    for name in public(kind) - {"print"}:
        assert re.search(rf"`{name}\b", PAGE), name


@pytest.mark.parametrize("kind", [*TriggerKind, "http"])
def test_every_field_of_an_event_stands_there(kind: str) -> None:
    [row] = re.findall(rf"^\| `{kind}` \| (.*) \|$", PAGE, re.MULTILINE)
    listed = set(re.findall(r"`(\w+)`", row))
    assert listed - {"body", "text", "json", "form"} == set(part(EventKind(kind), UNSET)) - {"body_base64", "text"}


def test_what_ctx_says_of_itself_is_what_there_is() -> None:
    said = set(re.findall(r"[a-z_]+", Context._usage.removeprefix("there is ")))
    assert said == (public(Context) | OF_THE_SCRIPT) - {"print"}
