"""Which scripts of an app import one of its modules."""

import re
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from picloud.domain.kinds import ScriptKind
from picloud.models import Script, ScriptVersion
from picloud.sandbox_pool.pool import Pool


def importers(session: Session, pool: Pool, module: Script) -> list[str]:
    """The names of the scripts whose active versions don't compile without the module."""
    modules = select(Script.name).where(Script.app_id == module.app_id, Script.kind == ScriptKind.MODULE)
    known = frozenset(session.scalars(modules))
    return [
        name
        for name, source in _naming(session, module)
        if pool.check(name, source, known - {module.name}) != pool.check(name, source, known)
    ]


def _naming(session: Session, module: Script) -> Iterator[tuple[str, str]]:
    """Names and sources of those that have the module's name in them: compiling takes its time."""
    active = (ScriptVersion.script_id == Script.id) & (ScriptVersion.number == Script.active_version)
    others = select(Script.name, ScriptVersion.source).join(ScriptVersion, active)
    others = others.where(Script.app_id == module.app_id, Script.id != module.id).order_by(Script.name)
    word = re.compile(rf"\b{module.name}\b")
    return ((name, source) for name, source in session.execute(others) if word.search(source))
