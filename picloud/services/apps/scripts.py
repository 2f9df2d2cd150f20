import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from picloud.domain.errors import Conflict, FieldError, Invalid, NotFound, TooLarge, invalid
from picloud.domain.kinds import ScriptKind
from picloud.domain.limits import checked
from picloud.models import App, DeadLetter, Outbox, Route, Script, ScriptVersion, Trigger
from picloud.sandbox_pool.code_problem import CodeProblem
from picloud.sandbox_pool.pool import Pool
from picloud.services.apps.importers import importers
from picloud.services.changes import code_changed
from picloud.services.paging import Page, PageRequest, fetch

_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
MAX_PROBLEMS = 50
MAX_LISTED = 10
MESSAGE_MAX_CHARS = 2_000


class ScriptService:
    def __init__(self, session: Session, app: App, pool: Pool, *, source_max_bytes: int) -> None:
        self._session = session
        self._app = app
        self._pool = pool
        self._source_max_bytes = source_max_bytes

    def list(self, page: PageRequest) -> Page[Script]:
        return fetch(self._session, select(Script).where(Script.app_id == self._app.id), Script.id, page)

    def get(self, name: str) -> Script:
        """Raises NotFound."""
        query = select(Script).where(Script.app_id == self._app.id, Script.name == name)
        script = self._session.scalar(query)
        if script is None:
            raise NotFound(f"The app {self._app.slug} has no script {name!r}.")
        return script

    def create(self, name: str, kind: ScriptKind, source: str, by: UUID) -> Script:
        """A script with its first version. Raises Invalid, TooLarge, Conflict."""
        check_name(name, kind)
        self.check(name, kind, source)
        script = Script(app_id=self._app.id, name=name, kind=kind, active_version=1)
        try:
            with self._session.begin_nested():
                self._session.add(script)
        except IntegrityError:
            raise Conflict(f"The app {self._app.slug} has a script {name!r} already.") from None
        self._add_version(script, 1, source, None, by)
        self._session.refresh(script)
        return script

    def save(self, script: Script, source: str, message: str | None, by: UUID, *, activate: bool = True) -> Script:
        """The next version, which becomes the active one unless told otherwise. Raises Invalid, TooLarge."""
        if message is not None and len(message) > MESSAGE_MAX_CHARS:
            raise invalid("/message", f"has to have at most {MESSAGE_MAX_CHARS} characters")
        self.check(script.name, ScriptKind(script.kind), source)
        # Two savers at once: the second waits here and gets the next number.
        self._session.refresh(script, with_for_update=True)
        newest = select(func.max(ScriptVersion.number)).where(ScriptVersion.script_id == script.id)
        number = (self._session.scalar(newest) or 0) + 1
        self._add_version(script, number, source, message, by)
        return self._activate(script, number if activate else script.active_version)

    def set_limits(self, script: Script, limits: Mapping[str, Any]) -> Script:
        """Limits of this script's runs, instead of the ones it had. Raises Invalid."""
        script.limits = checked(limits)
        return self._activate(script, script.active_version)

    def versions(self, script: Script, limit: int, before: int | None) -> Sequence[ScriptVersion]:
        """Newest first, one more than `limit` where there are more."""
        query = select(ScriptVersion).where(ScriptVersion.script_id == script.id)
        if before is not None:
            query = query.where(ScriptVersion.number < before)
        return self._session.scalars(query.order_by(ScriptVersion.number.desc()).limit(limit + 1)).all()

    def newest_versions(self, script_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The number of the newest version of each; it may be saved and not active."""
        of_these = ScriptVersion.script_id.in_(script_ids)
        query = select(ScriptVersion.script_id, func.max(ScriptVersion.number)).where(of_these)
        return {row[0]: row[1] for row in self._session.execute(query.group_by(ScriptVersion.script_id))}

    def source(self, script: Script) -> str:
        """The active version's source."""
        version = self._session.get_one(ScriptVersion, (script.id, script.active_version))
        return version.source

    def activate(self, script: Script, number: int) -> Script:
        """Make an existing version the active one. Raises NotFound."""
        if self._session.get(ScriptVersion, (script.id, number)) is None:
            raise NotFound(f"The script {script.name!r} has no version {number}.")
        return self._activate(script, number)

    def delete(self, script: Script) -> None:
        """Raises Conflict when a script, a route, a trigger, a waiting delivery or an open dead letter needs it."""
        if script.kind == ScriptKind.MODULE and (names := importers(self._session, self._pool, script)):
            raise Conflict(f"The module {script.name!r} is imported by {_listed(names)}. Change or remove them first.")
        for what, model in (("routes", Route), ("waiting deliveries", Outbox)):
            self._none(script, what, model.script_id == script.id)
        self._none(script, "triggers", Trigger.script_id == script.id, Trigger.deleted_at.is_(None))
        self._none(script, "dead letters", DeadLetter.script_id == script.id, DeadLetter.state == "dead")
        # Its deleted triggers can't come back without it.
        self._session.execute(delete(Trigger).where(Trigger.script_id == script.id, Trigger.deleted_at.is_not(None)))
        code_changed(self._session, self._app.id)
        self._session.delete(script)
        self._session.flush()

    def _none(self, script: Script, what: str, *needs_it: ColumnElement[bool]) -> None:
        count = self._session.scalar(select(func.count()).where(*needs_it))
        if count:
            raise Conflict(f"The script {script.name!r} is used by {what} ({count}). Remove them first.")

    def _activate(self, script: Script, number: int) -> Script:
        script.active_version = number
        script.updated_at = func.now()
        code_changed(self._session, self._app.id)
        self._session.flush()
        self._session.refresh(script)
        return script

    def _add_version(self, script: Script, number: int, source: str, message: str | None, by: UUID) -> None:
        self._session.add(
            ScriptVersion(script_id=script.id, number=number, source=source, message=message, created_by=by)
        )
        code_changed(self._session, self._app.id)
        self._session.flush()

    def check(self, name: str, kind: ScriptKind, source: str) -> None:
        """Whether the source can be a version of such a script. Raises Invalid, TooLarge."""
        problems = self.problems(name, kind, source)
        if problems:
            raise Invalid(
                f"The source has {len(problems)} problem(s) that keep it from running.",
                errors=tuple(_field_error(problem) for problem in problems[:MAX_PROBLEMS]),
                code="script_refused",
            )

    def problems(self, name: str, kind: ScriptKind, source: str) -> Sequence[CodeProblem]:
        """What keeps the source from being a version of such a script. Raises TooLarge."""
        if len(source.encode("utf-8", "surrogatepass")) > self._source_max_bytes:
            raise TooLarge(f"The source is larger than {self._source_max_bytes} bytes.")
        modules = self._session.scalars(
            select(Script.name).where(Script.app_id == self._app.id, Script.kind == ScriptKind.MODULE)
        )
        return self._pool.check(name, source, frozenset(modules), endpoint=kind is ScriptKind.ENDPOINT)


def check_name(name: str, kind: ScriptKind) -> None:
    """Raises Invalid. A module is imported by its name, so that has no dash."""
    if not _NAME.fullmatch(name) or (kind is ScriptKind.MODULE and "-" in name):
        allowed = "a-z, 0-9 and _" if kind is ScriptKind.MODULE else "a-z, 0-9, _ and -"
        raise invalid("/name", f"has to be 1 to 63 of {allowed}, and to start with a letter or _")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more


def _field_error(problem: CodeProblem) -> FieldError:
    detail = f"{problem.message}: {problem.hint}" if problem.hint else problem.message
    return FieldError(
        "/source", f"line {problem.line}, column {problem.column}: {detail}", problem.line, problem.column
    )
