"""A delivery's event, edited and delivered again as an event of its own."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import JSON, Row, text
from sqlalchemy.orm import Session

from picloud.domain.delivery import RetryPolicy
from picloud.domain.errors import Conflict, NotFound, invalid
from picloud.domain.kinds import EventKind
from picloud.models import App, Event
from picloud.services.delivery.outbox import OutboxService
from picloud.services.events.parts import part
from picloud.services.executions.executions import event_shape

_POLICY = ("backoff_base_s", "backoff_cap_s", "timeout_s")
_ROW = "id, script_id, event_id, trigger_id, principal_id, policy_attempts AS max_attempts, " + ", ".join(_POLICY)
_DEFAULTS = ", ".join(f"coalesce(t.{name}, :{name})" for name in ("max_attempts", *_POLICY))
_SENT = text(f"""
    SELECT {_ROW}, NULL::json AS copy FROM outbox WHERE id = :id AND app_id = :app_id
    UNION ALL SELECT {_ROW}, event FROM dead_letters WHERE id = :id AND app_id = :app_id
    UNION ALL (
        SELECT x.delivery_id, s.id, x.event_id, x.trigger_id, t.registered_by, {_DEFAULTS}, NULL
        FROM executions AS x
        JOIN scripts AS s ON s.id = x.script_id
        LEFT JOIN triggers AS t ON t.id = x.trigger_id
        WHERE x.delivery_id = :id AND x.app_id = :app_id AND x.status = 'ok')
    LIMIT 1
""").columns(copy=JSON)  # noqa: S608
"""What is known of a delivery in whichever table it is. A delivered one's policy is its trigger's of now."""
_OTHER_BODIES = {"json", "form", "text"}


class ResendService:
    """`policy`: for what a call, and no trigger, has put into the outbox."""

    def __init__(self, session: Session, app: App, outbox: OutboxService, policy: RetryPolicy) -> None:
        self._session = session
        self._app = app
        self._outbox = outbox
        self._policy = policy

    def resend(self, delivery_id: UUID, given: Mapping[str, Any]) -> UUID:
        """The new delivery's id: to the same script, on behalf of the same principal, as often as the first one at most.

        `given`: the event's part, or fields of it, by its kind; the rest is as it was. The new event keeps the trace, and
        names the delivery it comes from. Raises NotFound, Conflict, Invalid, Unavailable.
        """
        sent = self._sent(delivery_id)
        kind, was, trace_id, depth = self._event(sent)
        for other in given.keys() - {kind.value}:
            raise invalid(f"/event/{other}", f"is no part of an event of the kind {kind}")
        return self._outbox.enqueue(
            app_id=self._app.id,
            script_id=sent.script_id,
            kind=kind,
            payload=edited(kind, given.get(kind, UNSET), was),
            policy=RetryPolicy(sent.max_attempts, sent.backoff_base_s, sent.backoff_cap_s, sent.timeout_s),
            trigger_id=sent.trigger_id,
            principal_id=sent.principal_id,
            trace_id=trace_id,
            depth=depth,
            origin_id=delivery_id,
        )

    def event(self, delivery_id: UUID) -> dict[str, Any] | None:
        """As handlers saw it; None where it is not kept any more. Raises NotFound."""
        return self._shape(self._sent(delivery_id))

    def _sent(self, delivery_id: UUID) -> Row[Any]:
        values = {"id": delivery_id, "app_id": self._app.id, "max_attempts": self._policy.max_attempts}
        policy = {name: getattr(self._policy, name) for name in _POLICY}
        row = self._session.execute(_SENT, values | policy).first()
        if row is None:
            raise NotFound("There is no such delivery any more, or its script is gone.")
        return row

    def _shape(self, sent: Row[Any]) -> dict[str, Any] | None:
        """A dead letter has its copy for when the event is gone."""
        event = self._session.get(Event, sent.event_id)
        copy: dict[str, Any] | None = sent.copy
        return event_shape(event) if event else copy

    def _event(self, sent: Row[Any]) -> tuple[EventKind, Any, UUID, int]:
        """Kind, part, trace and depth."""
        event = self._shape(sent)
        if event is None:
            raise Conflict("The delivery's event is not kept any more.", code="event_gone")
        return EventKind(event["kind"]), event[event["kind"]], UUID(str(event["trace_id"])), event["depth"]


def edited(kind: EventKind, given: Any, was: Any) -> Any:
    """The part `was` with the fields that are given. Raises Invalid."""
    if given is UNSET:
        return was
    fields = given if isinstance(given, dict) else {}
    if kind is EventKind.HTTP and _OTHER_BODIES & fields.keys():
        was = {name: value for name, value in was.items() if name != "body_base64"}
    made = part(kind, given, was)
    return _with_contents(made, was, fields) if kind is EventKind.EMAIL else made


def _with_contents(mail: dict[str, Any], was: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Attachments whose contents are kept beside the event are still named by their ids."""
    kept = {each["id"] for each in was.get("attachments", ()) if "id" in each}
    named = given.get("attachments", was.get("attachments", ()))
    for attachment, source in zip(mail["attachments"], named, strict=True):
        if source.get("id") in kept:
            attachment["id"] = source["id"]
            del attachment["content"]
    return mail
