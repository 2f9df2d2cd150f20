import re
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from picloud.domain.errors import Conflict, NotFound, invalid
from picloud.domain.kinds import RouteAccess
from picloud.domain.paths import PatternError, check_new, form
from picloud.models import App, Route, Script
from picloud.services.apps.targets import endpoint
from picloud.services.changes import code_changed
from picloud.services.paging import Page, PageRequest, fetch

METHOD = re.compile(r"ANY|GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS")


class RouteService:
    def __init__(self, session: Session, app: App) -> None:
        self._session = session
        self._app = app

    def list(self, page: PageRequest) -> Page[tuple[Route, Script]]:
        query = select(Route, Script).join(Script, Script.id == Route.script_id).where(Route.app_id == self._app.id)
        return fetch(self._session, query, Route.id, page)

    def get(self, route_id: UUID | None) -> tuple[Route, Script]:
        """Raises NotFound."""
        route = self._session.get(Route, route_id) if route_id else None
        if route is None or route.app_id != self._app.id:
            raise NotFound(f"The app {self._app.slug} has no such route.")
        return route, self._session.get_one(Script, route.script_id)

    def create(self, method: str, path: str, script: str, access: RouteAccess) -> tuple[Route, Script]:
        """Raises Invalid, Conflict."""
        target = endpoint(self._session, self._app, script)
        route = Route(app_id=self._app.id, script_id=target.id, access=access)
        self._session.add(self._placed(route, method, path))
        self._flush(route)
        return route, target

    def update(
        self, route: Route, *, method: str | None, path: str | None, script: str | None, access: RouteAccess | None
    ) -> tuple[Route, Script]:
        """Change what is given. Raises Invalid, Conflict."""
        if script is not None:
            route.script_id = endpoint(self._session, self._app, script).id
        if access is not None:
            route.access = access
        self._placed(route, method or route.method, path or route.path)
        self._flush(route)
        return self.get(route.id)

    def delete(self, route: Route) -> None:
        code_changed(self._session, self._app.id)
        self._session.delete(route)
        self._session.flush()

    def _placed(self, route: Route, method: str, path: str) -> Route:
        if not METHOD.fullmatch(method.upper()):
            raise invalid("/method", "has to be GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS or ANY")
        try:
            check_new(path)
        except PatternError as error:
            raise invalid("/path", str(error)) from None
        self._check_free(route, method.upper(), path)
        route.method, route.path = method.upper(), path
        return route

    def _check_free(self, route: Route, method: str, path: str) -> None:
        """Raises Conflict where another route answers the same calls. Of two who ask at once, the second waits."""
        self._session.execute(select(App.id).where(App.id == self._app.id).with_for_update(key_share=True))
        others = select(Route).where(Route.app_id == self._app.id, Route.method == method)
        for other in self._session.scalars(others.where(Route.id.is_distinct_from(route.id))):
            if form(other.path) == form(path):
                same = "" if other.path == path else f", which answers the same calls as {path}"
                conflict = Conflict(f"The app {self._app.slug} has a route {method} {other.path} already{same}.")
                conflict.members["route_id"] = other.id
                raise conflict

    def _flush(self, route: Route) -> None:
        self._session.flush()
        code_changed(self._session, self._app.id)
        self._session.refresh(route)
