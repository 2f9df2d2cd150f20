"""What routes and triggers may point to."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from picloud.domain.errors import invalid
from picloud.domain.kinds import ScriptKind
from picloud.models import App, Script


def endpoint(session: Session, app: App, name: str) -> Script:
    """The endpoint script `name` of this app. Raises Invalid, with the pointer /script."""
    script = session.scalar(select(Script).where(Script.app_id == app.id, Script.name == name))
    if script is None:
        raise invalid("/script", f"the app {app.slug} has no script {name!r}")
    if script.kind != ScriptKind.ENDPOINT:
        raise invalid("/script", f"{name!r} is a module; only an endpoint can be a target")
    return script
