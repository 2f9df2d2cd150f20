"""docs/reference/access.md, made of the tables that decide: roles, capabilities, scopes, and the routes that ask."""

from collections.abc import Iterable
from pathlib import Path

from picloud.domain.access import APP_GRANTS, INSTANCE_GRANTS, SCOPE_COVERS, Capability, Scope
from picloud.domain.kinds import AppRole, InstanceRole
from picloud.openapi.served import served

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "access.md"

_HEAD = """# Who may do what

`python -m picloud.openapi` writes this page from the tables that decide; a test keeps them equal.

Every route asks for one *capability*. A user has a capability by its role: in the instance (`owner`, `admin`, `member`) or in
an app (`app_admin`, `editor`, `viewer`). Owners and admins have all of them, in every app; only an owner makes and changes
owners. An API key has a capability when its user has it at that moment **and** one of the key's scopes covers it. A key that is
bound to one app finds no other app, and nothing of the instance but its user's own things.

- Not signed in, with an expired key, or with a disabled user: 401, whatever is asked.
- Signed in without the capability: 403; without a role in an app that is so for everything below the app.
- An app that isn't there, or isn't the one a key is bound to: 404.

A browser's session has all that its user has. What gives power away (keys, members, users, passwords) wants the password shown
within the last 10 minutes: 403 `reauthentication_required`. Changes by a session need its `X-CSRF-Token` and an `Origin` of
this PiCloud: 403 `csrf`.
"""


def render() -> str:
    """The page."""
    parts = [_HEAD, "## By role\n", _roles(), "## By scope\n", _scopes(), "## What the capabilities open\n", _routes()]
    return "\n".join(parts)


def _roles() -> str:
    columns = [*AppRole.__members__.values()][::-1]
    rows = [
        [f"`{one}`", *(_mark(one in APP_GRANTS[role]) for role in columns), *_by_instance(one)] for one in Capability
    ]
    return _table(["capability", *(f"`{role}`" for role in columns), "`member`", "`admin`, `owner`"], rows)


def _by_instance(capability: Capability) -> list[str]:
    return [_mark(capability in INSTANCE_GRANTS[role]) for role in (InstanceRole.MEMBER, InstanceRole.ADMIN)]


def _scopes() -> str:
    rows = [[f"`{one}`", *(_mark(one in SCOPE_COVERS[scope]) for scope in Scope)] for one in Capability]
    return _table(["capability", *(f"`{scope}`" for scope in Scope)], rows)


def _routes() -> str:
    by_capability: dict[Capability, list[str]] = {}
    public = []
    for (_, method), what in served().items():
        line = f"`{method} {what.path}`"
        by_capability.setdefault(what.capability, []).append(line) if what.capability else public.append(line)
    rows = [[f"`{one}`", "<br>".join(sorted(by_capability.get(one, [])))] for one in Capability]
    return _table(["capability", "routes"], [*rows, ["none: open to anybody", "<br>".join(sorted(public))]])


def _mark(has: bool) -> str:
    return "✓" if has else ""


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
