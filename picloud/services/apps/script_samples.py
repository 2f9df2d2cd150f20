"""Events kept by a name, to try a script out with."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from picloud.domain.errors import Conflict, NotFound, invalid
from picloud.models import Script, ScriptSample
from picloud.services.paging import Page, PageRequest, fetch

SAMPLES_MAX = 50
NAME_MAX_CHARS = 100
EVENT_MAX_BYTES = 64 * 1024


class ScriptSampleService:
    def __init__(self, session: Session, script: Script) -> None:
        self._session = session
        self._script = script

    def list(self, page: PageRequest) -> Page[ScriptSample]:
        mine = select(ScriptSample).where(ScriptSample.script_id == self._script.id)
        return fetch(self._session, mine, ScriptSample.id, page)

    def get(self, sample_id: UUID | None) -> ScriptSample:
        """Raises NotFound."""
        sample = self._session.get(ScriptSample, sample_id) if sample_id else None
        if sample is None or sample.script_id != self._script.id:
            raise NotFound(f"The script {self._script.name} has no such sample.")
        return sample

    def create(self, name: str, kind: str, event: dict[str, Any]) -> ScriptSample:
        """Raises Invalid, Conflict."""
        if not (name.isprintable() and 1 <= len(name.strip()) <= NAME_MAX_CHARS):
            raise invalid("/name", f"has to have 1 to {NAME_MAX_CHARS} printable characters")
        if len(msgspec.json.encode(event)) > EVENT_MAX_BYTES:
            raise invalid("/event", f"is larger than {EVENT_MAX_BYTES} bytes")
        mine = select(func.count()).where(ScriptSample.script_id == self._script.id)
        if self._session.scalars(mine).one() >= SAMPLES_MAX:
            raise Conflict(f"The script has {SAMPLES_MAX} samples, as many as may be kept: delete some first.")
        sample = ScriptSample(script_id=self._script.id, name=name.strip(), kind=kind, event=event)
        try:
            with self._session.begin_nested():
                self._session.add(sample)
        except IntegrityError:
            raise Conflict(f"The script {self._script.name} has a sample {name!r} already.") from None
        self._session.refresh(sample)
        return sample

    def delete(self, sample_id: UUID | None) -> ScriptSample:
        """What it was. Raises NotFound."""
        sample = self.get(sample_id)
        self._session.delete(sample)
        self._session.flush()
        return sample
