"""Which app a host name belongs to, in memory: asked at every request."""

from collections.abc import Mapping
from threading import Lock

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from picloud.domain.host_names import without_port
from picloud.models import App, AppDomain
from picloud.services.code.app_code import AppCodeCache


class AppHosts:
    """Read again when any app's code or domains have changed. Safe for threads."""

    def __init__(self, engine: Engine, app_codes: AppCodeCache) -> None:
        self._engine = engine
        self._app_codes = app_codes
        self._lock = Lock()
        self._generation = -1
        self._slugs: Mapping[str, str] = {}

    def slug_of(self, host: str) -> str | None:
        """The slug of the app that `host`, a Host header, belongs to. While the database is away, what was known last."""
        if self._generation != self._app_codes.generation:
            self._load()
        return self._slugs.get(without_port(host))

    def _load(self) -> None:
        with self._lock:
            generation = self._app_codes.generation
            if generation == self._generation:
                return
            query = select(AppDomain.domain, App.slug).join(App, App.id == AppDomain.app_id)
            try:
                with self._engine.connect() as connection:
                    self._slugs = {row.domain: row.slug for row in connection.execute(query)}
            except SQLAlchemyError:
                return
            self._generation = generation
