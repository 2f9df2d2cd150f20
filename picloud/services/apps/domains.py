from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from picloud.domain.errors import Conflict, NotFound, invalid
from picloud.domain.host_names import HostNameError, host_name
from picloud.models import App, AppDomain
from picloud.services.changes import code_changed
from picloud.services.paging import Page, PageRequest, fetch

MAX_DOMAINS = 20
"""Of one app. Every name is one that the proxy in front may have to get a certificate for."""


class AppDomainService:
    """The host names of an app. `public_url` is the dashboard's own address, which no app may take."""

    def __init__(self, session: Session, app: App, public_url: str) -> None:
        self._session = session
        self._app = app
        self._own_host = urlsplit(public_url).hostname

    def list(self, page: PageRequest) -> Page[AppDomain]:
        return fetch(self._session, select(AppDomain).where(AppDomain.app_id == self._app.id), AppDomain.id, page)

    def add(self, given: str) -> AppDomain:
        """Raises Invalid, Conflict."""
        try:
            domain = host_name(given)
        except HostNameError as error:
            raise invalid("/domain", str(error)) from None
        if domain == self._own_host:
            raise Conflict(f"{domain} is the dashboard's own address.")
        count = select(func.count()).where(AppDomain.app_id == self._app.id)
        if self._session.execute(count).scalar_one() >= MAX_DOMAINS:
            raise Conflict(f"The app has {MAX_DOMAINS} domains, and no app may have more.")
        row = AppDomain(app_id=self._app.id, domain=domain)
        self._session.add(row)
        try:
            self._session.flush()
        except IntegrityError:
            raise Conflict(f"{domain} is in use already.") from None
        code_changed(self._session, self._app.id)
        self._session.refresh(row)
        return row

    def remove(self, given: str) -> None:
        """Raises NotFound."""
        named = (AppDomain.app_id == self._app.id) & (AppDomain.domain == given.lower())
        row = self._session.scalar(select(AppDomain).where(named))
        if row is None:
            raise NotFound(f"The app has no domain {given!r}.")
        self._session.delete(row)
        self._session.flush()
        code_changed(self._session, self._app.id)
