"""Takes the secrets that a run has read out of what is kept of it."""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from itertools import chain
from typing import Any
from urllib.parse import quote, quote_plus

from picloud.sandbox_pool.outcome import ErrorInfo, Outcome

MASK = "***"


def mask(outcome: Outcome, secrets: Collection[str]) -> None:
    """In logs, host calls, error, stored result and reason. What an HTTP caller is answered is the handler's own affair."""
    if not secrets:
        return
    for entry in outcome.logs:
        fields = masked(entry["fields"], secrets)
        entry["message"], entry["fields"] = masked(entry["message"], secrets), fields if fields != MASK else {}
    for call in outcome.host_calls:
        call["target"] = masked(call["target"], secrets)
    if outcome.error is not None:
        outcome.error = ErrorInfo(**masked(asdict(outcome.error), secrets))
    if outcome.control is not None:
        outcome.control = replace(outcome.control, reason=masked(outcome.control.reason, secrets))
    if outcome.result is not None:
        outcome.result = _masked_json(outcome.result, secrets)


def masked(value: Any, secrets: Collection[str]) -> Any:
    """`value` with every secret in any of its strings replaced, the longest first: one may be part of another.

    Also as JSON, a URL or a repr spells it; other encodings of a secret can't be told from other text. What is nested
    too deeply to be looked through is masked whole.
    """
    spellings = sorted(set(chain.from_iterable(map(_spellings, secrets))), key=len, reverse=True)
    try:
        return _masked(value, spellings)
    except RecursionError:
        return MASK


def _masked_json(body: bytes, secrets: Collection[str]) -> bytes:
    try:
        result = masked(json.loads(body), secrets)
    except RecursionError:
        result = MASK
    return json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode()


def _spellings(secret: str) -> Iterable[str]:
    inner = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    return (secret, *inner, quote(secret, safe=""), quote_plus(secret))


def _masked(value: Any, secrets: Collection[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {_masked(key, secrets): _masked(item, secrets) for key, item in value.items()}
    return [_masked(item, secrets) for item in value] if isinstance(value, list | tuple) else value
