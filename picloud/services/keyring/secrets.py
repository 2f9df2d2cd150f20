import re
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from picloud.crypto import MasterKey, UnsealError
from picloud.domain.audit import Action, Actor
from picloud.domain.errors import NotFound, Unavailable, invalid
from picloud.domain.ids import uuid7
from picloud.models import Secret
from picloud.services.audit import AuditService
from picloud.services.keyring.master_keys import seal
from picloud.services.paging import Page, PageRequest, fetch

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
VALUE_MAX_BYTES = 16 * 1024


class SecretService:
    """Values go in, and come out for handlers alone."""

    def __init__(self, session: Session, app_id: UUID, master_key: MasterKey) -> None:
        self._session = session
        self._app_id = app_id
        self._master_key = master_key

    def list(self, page: PageRequest) -> Page[Secret]:
        return fetch(self._session, select(Secret).where(Secret.app_id == self._app_id), Secret.id, page)

    def put(self, name: str, value: str) -> Secret:
        """Set the secret, whatever it was. Raises Invalid."""
        if not NAME.fullmatch(name):
            raise invalid("/name", "has to be 1 to 100 of A-Z, a-z, 0-9 and _, and not to start with a digit")
        if not 1 <= len(value.encode()) <= VALUE_MAX_BYTES:
            raise invalid("/value", f"has to have 1 to {VALUE_MAX_BYTES} bytes")
        # The value is bound to the row's id, so the row comes first: of several who make it at once, all go on with one.
        row = insert(Secret).values(id=uuid7(), app_id=self._app_id, name=name, sealed=b"")
        self._session.execute(row.on_conflict_do_nothing())
        secret = self._find(name) or Secret(id=uuid7(), app_id=self._app_id, name=name)
        secret.sealed = seal(self._session, self._master_key, value.encode(), bound_to=binding(secret.id, self._app_id))
        secret.updated_at = func.now()
        self._session.add(secret)
        self._session.flush()
        self._session.refresh(secret)
        return secret

    def delete(self, name: str) -> None:
        """Raises NotFound."""
        secret = self._find(name)
        if secret is None:
            raise NotFound(f"The app has no secret {name!r}.")
        self._session.delete(secret)
        self._session.flush()

    def read(self, name: str, trace_id: UUID) -> str | None:
        """As `reveal`, and written down as read by a handler in this trace.

        The commit waits for no disk: reading a secret changes nothing, and a run may read one thousands of times a day.
        """
        value = self.reveal(name)
        if value is not None:
            self._session.execute(text("SET LOCAL synchronous_commit TO off"))
            actor = Actor("handler", f"trace {trace_id}")
            AuditService(self._session).record(actor, Action.SECRET_READ, name, app_id=self._app_id)
        return value

    def reveal(self, name: str) -> str | None:
        """The value, for a handler of the app; None where there is none. Raises Unavailable."""
        secret = self._find(name) if NAME.fullmatch(name) else None
        if secret is None:
            return None
        try:
            return self._master_key.unseal(secret.sealed, bound_to=binding(secret.id, self._app_id)).decode()
        except UnsealError:
            raise Unavailable(f"The secret {name!r} can't be read.", code="secret_unreadable") from None

    def _find(self, name: str) -> Secret | None:
        return self._session.scalar(select(Secret).where(Secret.app_id == self._app_id, Secret.name == name))


def binding(secret_id: UUID, app_id: UUID) -> str:
    """What a sealed value is bound to: its row and its app."""
    return f"secret:{secret_id}:{app_id}"
