"""A wheel of a later PiCloud: another version, a migration more, and a page that the present program can't draw."""

import re
import zipfile
from pathlib import Path

from tests.box.admin import PICLOUD
from tests.box.machine import Machine

VERSION = "99.0.0"
SAID = "a later PiCloud"
"""On its sign-in page."""
_PAGE = "picloud/templates/sign_in.jinja2", "{% block main %}", "{% block main %}{{ said }}"
_VIEW = "picloud/views/dashboard/sign_in.py", '"has_owner":', f'"said": "{SAID}", "has_owner":'
_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade():
    op.add_column("executions", sa.Column("later", sa.Text(), nullable=True))


def downgrade():
    op.drop_column("executions", "later")
"""


def upgrade(machine: Machine) -> None:
    """As the documentation has it: installed over the one that serves, then `picloud upgrade`."""
    revision = _make_newer(machine.folder / "wheels", machine.folder / "newer")
    machine.run("/opt/picloud/bin/pip", "install", "--quiet", "--no-index", "--find-links", "/newer", "-U", "picloud")
    assert machine.run(PICLOUD, "version") == f"picloud {VERSION}"
    assert f"is at revision {revision}" in machine.run(PICLOUD, "upgrade")


def _make_newer(wheels: Path, folder: Path) -> str:
    """Of the wheel in `wheels`, in `folder`. The revision that its migration leads to."""
    [wheel] = wheels.glob("picloud-*.whl")
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as file:
        files = {_renamed(name, version): file.read(name) for name in file.namelist()}
    info = f"picloud-{VERSION}.dist-info"
    for name, old, new in (
        ("picloud/__init__.py", f'"{version}"', f'"{VERSION}"'),
        (f"{info}/METADATA", f"\nVersion: {version}\n", f"\nVersion: {VERSION}\n"),
        _PAGE,
        _VIEW,
    ):
        assert files[name].count(old.encode()) == 1, f"{old} in {name}"
        files[name] = files[name].replace(old.encode(), new.encode())
    before = max(found[1] for name in files if (found := re.search(r"/versions/(\d{4})_", name)))
    revision = f"{int(before) + 1:04}"
    files[f"picloud_migrations/versions/{revision}_later.py"] = _MIGRATION.format(
        revision=revision, before=before
    ).encode()
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in files).encode()
    folder.mkdir()
    with zipfile.ZipFile(folder / f"picloud-{VERSION}-py3-none-any.whl", "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return revision


def _renamed(name: str, version: str) -> str:
    return name.replace(f"picloud-{version}.dist-info/", f"picloud-{VERSION}.dist-info/")
