"""Sessions that tell this process what they have committed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

from picloud.services.backlogs import Backlogs
from picloud.services.promises import PROMISE, Promises
from picloud.services.wakeup import Wakeup

_LISTENERS = "picloud.listeners"
_ACTIONS = "picloud.after_commit"


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who in this process wants to know: the sleeping dispatcher, the cache of code, and the one of backlogs.

    `promises`: what the dispatchers of other nodes are told.
    """

    wakeup: Wakeup
    code_changed: Callable[[UUID | None], None] | None
    backlogs: Backlogs = field(default_factory=Backlogs)
    promises: Promises = field(default_factory=Promises)


def session_factory(
    engine: Engine, wakeup: Wakeup, code_changed: Callable[[UUID | None], None] | None = None
) -> sessionmaker[Session]:
    """Sessions of `engine`. After a commit, new deliveries wake `wakeup` and changed code calls `code_changed`."""
    factory = sessionmaker(engine, expire_on_commit=False, info={_LISTENERS: Listeners(wakeup, code_changed)})
    event.listen(factory, "before_commit", _promise)
    event.listen(factory, "after_commit", _run_actions)
    event.listen(factory, "after_transaction_end", _forget_actions)
    return factory


def listeners(session: Session) -> Listeners:
    """The listeners of a session that `session_factory` made. Raises KeyError for any other."""
    found: Listeners = session.info[_LISTENERS]
    return found


def after_commit(session: Session, key: object, action: Callable[[], None]) -> None:
    """Call `action` once after the commit of the present transaction, however often it is asked for under `key`.

    The action must be quick, must not fail and must not use the session.
    """
    session.info.setdefault(_ACTIONS, {})[key] = action


def wake_dispatcher(session: Session) -> None:
    """After the commit of the present transaction, the local dispatcher looks for what is due."""
    wakeup = listeners(session).wakeup
    after_commit(session, wakeup, wakeup.notify)


def _promise(session: Session) -> None:
    """With the commit of deliveries, so that another node looks for them should this one hang from there on."""
    heard_by = listeners(session)
    if session.in_nested_transaction() or heard_by.wakeup not in session.info.get(_ACTIONS, {}):
        return
    until = heard_by.promises.due()
    if until is not None:
        session.execute(text(PROMISE))
        after_commit(session, heard_by.promises, lambda: heard_by.promises.made(until))


def _run_actions(session: Session) -> None:
    if not session.in_nested_transaction():  # the end of a savepoint is no commit
        for action in session.info.pop(_ACTIONS, {}).values():
            action()


def _forget_actions(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_ACTIONS, None)
