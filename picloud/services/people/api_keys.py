from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from picloud.crypto import new_token, token_hash
from picloud.domain.access import Capability, Scope
from picloud.domain.errors import NotFound
from picloud.models import ApiKey
from picloud.services.paging import Page, PageRequest, fetch
from picloud.services.principals import KEY_PREFIX, Principal

PREFIX_CHARS = len(KEY_PREFIX) + 6


class ApiKeyService:
    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, principal: Principal, page: PageRequest) -> Page[ApiKey]:
        """The user's; with a key for one app, those for this app."""
        query = select(ApiKey).where(ApiKey.user_id == principal.user_id)
        if principal.app_id is not None:
            query = query.where(ApiKey.app_id == principal.app_id)
        return fetch(self._session, query, ApiKey.id, page)

    def create(
        self,
        user_id: UUID,
        name: str,
        scopes: Collection[Scope],
        *,
        app_id: UUID | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """The new row, and the key itself, which is not to be had again."""
        key = new_token(KEY_PREFIX)
        row = ApiKey(
            user_id=user_id,
            app_id=app_id,
            name=name,
            prefix=key[:PREFIX_CHARS],
            key_hash=token_hash(key),
            scopes=sorted(scopes),
            expires_at=expires_at,
        )
        self._session.add(row)
        self._session.flush()
        return row, key

    def delete(self, principal: Principal, key_id: UUID | None) -> ApiKey:
        """End a key and say what it was. Raises NotFound.

        The user's own; anybody's for who manages users; with a key for one app only those for it.
        """
        row = self._session.get(ApiKey, key_id) if key_id else None
        manages = principal.may(Capability.INSTANCE_MANAGE_USERS)
        if (
            row is None
            or (row.user_id != principal.user_id and not manages)
            or principal.app_id not in (None, row.app_id)
        ):
            raise NotFound("You have no such API key.")
        self._session.delete(row)
        return row
