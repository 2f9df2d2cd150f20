"""Sessions that tell this process what they have committed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

from picloud.services.backlogs import Backlogs
from picloud.services.wakeup import Wakeup

_LISTENERS = "picloud.listeners"
_ACTIONS = "picloud.after_commit"


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who in this process wants to know: the sleeping dispatcher, the cache of code, and the one of backlogs."""

    wakeup: Wakeup
    code_changed: Callable[[UUID | None], None] | None
    backlogs: Backlogs = field(default_factory=Backlogs)


def session_factory(
    engine: Engine, wakeup: Wakeup, code_changed: Callable[[UUID | None], None] | None = None
) -> sessionmaker[Session]:
    """Sessions of `engine`. After a commit, new deliveries wake `wakeup` and changed code calls `code_changed`."""
    factory = sessionmaker(engine, expire_on_commit=False, info={_LISTENERS: Listeners(wakeup, code_changed)})
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


def _run_actions(session: Session) -> None:
    if not session.in_nested_transaction():  # the end of a savepoint is no commit
        for action in session.info.pop(_ACTIONS, {}).values():
            action()


def _forget_actions(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_ACTIONS, None)
