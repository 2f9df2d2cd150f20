import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from picloud.domain import ids
from picloud.domain.errors import Conflict, NotFound, invalid
from picloud.domain.kinds import AppRole
from picloud.domain.limits import checked
from picloud.models import App, AppMember, User
from picloud.outbound.allow import parse_entry
from picloud.outbound.errors import OutboundRefused
from picloud.services.changes import code_changed
from picloud.services.paging import Page, PageRequest, fetch

HTTP_ALLOW_MAX = 100
# In the order in which a run's transaction comes to them, and before the app itself: else the two wait for each other.
_LOCKS = [
    text(f"SELECT FROM {table} WHERE app_id = :app_id FOR UPDATE") for table in ("kv_entries", "kv_usage", "outbox")
]
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class AppService:
    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, page: PageRequest) -> Page[App]:
        return fetch(self._session, select(App), App.id, page)

    def list_of(self, user_id: UUID, page: PageRequest) -> Page[App]:
        """The apps in which the user has a role."""
        mine = select(App).join(AppMember, AppMember.app_id == App.id).where(AppMember.user_id == user_id)
        return fetch(self._session, mine, App.id, page)

    def ids_of(self, user_id: UUID) -> Sequence[UUID]:
        """Of the apps in which the user has a role."""
        return self._session.scalars(select(AppMember.app_id).where(AppMember.user_id == user_id)).all()

    def find(self, reference: str) -> App | None:
        """The app with this id or slug."""
        app_id = ids.parse(reference)
        return self._session.scalar(select(App).where(App.id == app_id if app_id else App.slug == reference))

    def slugs(self, app_ids: Collection[UUID]) -> dict[UUID, str]:
        query = select(App.id, App.slug).where(App.id.in_(app_ids))
        return {row.id: row.slug for row in self._session.execute(query)}

    def create(self, slug: str, name: str) -> App:
        """Raises Invalid, Conflict."""
        if not SLUG.fullmatch(slug) or ids.parse(slug):
            raise invalid("/slug", "has to be 1 to 63 of a-z, 0-9 and -, with no - at the ends")
        app = App(slug=slug, name=_checked_name(name or slug))
        try:
            with self._session.begin_nested():
                self._session.add(app)
        except IntegrityError:
            raise Conflict(f"There is an app {slug} already.") from None
        self._session.refresh(app)
        return app

    def update(
        self,
        app: App,
        *,
        name: str | None,
        isolation: str | None,
        http_allow: Sequence[str] | None,
        limits: Mapping[str, Any] | None,
    ) -> App:
        """Change what is given. Raises Invalid."""
        if name is not None:
            app.name = _checked_name(name)
        if isolation is not None:
            app.isolation = isolation
        if http_allow is not None:
            app.http_allow = _checked_hosts(http_allow)
        if limits is not None:
            app.limits = checked(limits)
        code_changed(self._session, app.id)
        self._session.flush()
        return app

    def delete(self, app: App) -> None:
        """The app with all that it owns. Waits for runs that are about to commit."""
        for lock in _LOCKS:
            self._session.execute(lock, {"app_id": app.id})
        code_changed(self._session, app.id)
        self._session.delete(app)
        self._session.flush()


class MemberService:
    def __init__(self, session: Session, app: App) -> None:
        self._session = session
        self._app = app

    def list(self, page: PageRequest) -> Page[tuple[AppMember, User]]:
        query = select(AppMember, User).join(User, User.id == AppMember.user_id)
        return fetch(self._session, query.where(AppMember.app_id == self._app.id), AppMember.user_id, page)

    def put(self, user: User, role: AppRole) -> AppMember:
        """Give `user` the role, instead of the one it had."""
        row = insert(AppMember).values(app_id=self._app.id, user_id=user.id, role=role)
        self._session.execute(row.on_conflict_do_update(index_elements=["app_id", "user_id"], set_={"role": role}))
        return self._session.get_one(AppMember, (self._app.id, user.id), populate_existing=True)

    def role_of(self, user_id: UUID) -> str | None:
        member = self._session.get(AppMember, (self._app.id, user_id))
        return member.role if member else None

    def delete(self, user_id: UUID | None) -> AppMember:
        """What the membership was. Raises NotFound."""
        member = self._session.get(AppMember, (self._app.id, user_id)) if user_id else None
        if member is None:
            raise NotFound("This user has no role in the app.")
        self._session.delete(member)
        return member


def _checked_hosts(entries: Sequence[str]) -> list[str]:
    if len(entries) > HTTP_ALLOW_MAX:
        raise invalid("/http_allow", f"may have at most {HTTP_ALLOW_MAX} entries")
    for index, entry in enumerate(entries):
        try:
            parse_entry(entry)
        except OutboundRefused:
            form = "write a name, *.example.com, or either with :port; no scheme, path or address"
            raise invalid(f"/http_allow/{index}", f"{entry[:100]!r} is no host: {form}") from None
    return list(entries)


def _checked_name(name: str) -> str:
    if not 1 <= len(name.strip()) <= 200:
        raise invalid("/name", "has to have 1 to 200 characters")
    return name.strip()
