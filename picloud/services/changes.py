"""Tells every node that an app's code, routes or limits have changed."""

from functools import partial
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from picloud.services.sessions import after_commit, listeners

CHANNEL = "picloud_changes"
"""NOTIFY channel; the payload is the app's id."""


def code_changed(session: Session, app_id: UUID) -> None:
    """This transaction changes what the app runs: after the commit our node forgets it, and the others hear of it.

    NOTIFY in a transaction takes a global lock at commit, so this is for what people do, never for events.
    """
    session.execute(select(func.pg_notify(CHANNEL, str(app_id))))
    if forget := listeners(session).code_changed:
        after_commit(session, (CHANNEL, app_id), partial(forget, app_id))
