"""Deliveries that have to run another version than the active one: replays on the original."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy import Engine, text

from picloud.services.code.app_code import AppCode

_PINNED = text("""
    SELECT o.pinned_version AS number, v.source FROM outbox AS o
    LEFT JOIN script_versions AS v ON v.script_id = o.script_id AND v.number = o.pinned_version WHERE o.id = :id
""")


class VersionGone(Exception):
    """The pinned version does not exist any more."""


def pinned(engine: Engine, app: AppCode, script_id: UUID, delivery_id: str) -> AppCode:
    """The app with the version that the delivery pins; as it is where it pins none. Raises VersionGone.

    The app's modules are those of now: there is no saved state of an app as a whole.
    """
    with engine.connect() as connection:
        version = connection.execute(_PINNED, {"id": delivery_id}).one_or_none()
    script = app.scripts.get(script_id)
    if version is None or version.number is None or script is None:
        return app
    if version.source is None:
        raise VersionGone(f"The version {version.number} of the script {script.name!r} does not exist any more.")
    then = replace(script, version=version.number, source=version.source)
    return replace(app, scripts={**app.scripts, script_id: then}, _bundles={})
