"""The master key goes, another one comes, and nobody notices."""

import random
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from picloud.crypto import KeyFileError, UnsealError, create_master_key, load_master_key, read_keys
from picloud.models import Base, Secret
from picloud.models.engine import make_engine
from picloud.postgres import Cluster
from picloud.services.instance.sealed_values import SEALED_COLUMNS
from picloud.services.keyring.master_keys import MasterKeyService
from picloud.services.keyring.secrets import SecretService
from tests.functional.client import eventually
from tests.functional.serving import Serving

SECRETS = 300
"""Three batches."""
LAST = "SELECT FROM secrets ORDER BY id DESC LIMIT 1 FOR UPDATE"
READS = "def handler(ctx):\n    return ctx.secrets['S' + ctx.event.http.query['n']]\n"


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Engine]:
    engine = make_engine(cluster.url, pool_size=2)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE rotation"))
    engine.dispose()
    engine = make_engine(engine.url.set(database="rotation"), pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def box(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    url = database.url.render_as_string(hide_password=False)
    serving = Serving(tmp_path_factory.mktemp("box"), PICLOUD_DATABASE_URL=url)
    serving.start_and_wait()
    yield serving
    serving.end()


def key_file(box: Serving) -> Path:
    return box.data_dir / "master.key"


class Readers:
    """Read random secrets by a handler, all the time, and keep what went wrong."""

    def __init__(self, box: Serving) -> None:
        self.box, self.wrong, self.read, self._over = box, [], 0, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(3)]

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            number = random.randrange(SECRETS)
            answer = self.box.request(f"/run/shop/read?n={number}")
            self.read += 1
            if answer.status_int != 200 or answer.text != f"value {number}":
                self.wrong.append((number, answer.status, answer.text))


def rotate_and_kill(box: Serving, database: Engine) -> None:
    """SIGKILL when the first batch is through. The last one has to wait, however late the signal comes."""
    with database.begin() as held:
        held.execute(text(LAST))
        command = box.command("rotate-master-key")
        with subprocess.Popen(command, env=box.environ(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            assert process.stderr is not None
            line = process.stderr.readline()
            process.kill()
            assert b"sealed anew" in line, line + process.stderr.read()


def test_a_rotation_under_load_killed_and_resumed(box: Serving, database: Engine) -> None:
    app = box.owner.post("/apps", {"slug": "shop"})
    box.owner.script("shop", "read", READS)
    box.owner.route("shop", "GET", "/read", "read")
    box.owner.email_trigger("shop", "read", inbound_secret="generate")
    key = load_master_key(key_file(box))
    with Session(database) as session, session.begin():
        secrets = SecretService(session, app["id"], key)
        for number in range(SECRETS):
            secrets.put(f"S{number}", f"value {number}")
    with Readers(box) as readers:
        rotate_and_kill(box, database)
        assert len(read_keys(key_file(box))) == 2
        box.owner.put("/apps/shop/secrets/S1", {"value": "value 1"})
        box.cli("rotate-master-key")
        box.owner.put("/apps/shop/secrets/S2", {"value": "value 2"})
        read = readers.read
        eventually(lambda: readers.wrong or readers.read >= read + 20)
    assert not readers.wrong, readers.wrong[:3]

    new = load_master_key(key_file(box))
    assert new.key_ids == {new.key_id}
    assert new.key_id != key.key_id
    assert key_file(box).with_name(f"master.key.{key.fingerprint}").read_bytes()
    with database.connect() as connection:
        known = connection.execute(text("SELECT encode(key_id, 'hex') FROM master_keys")).scalars().all()
    assert known == [new.fingerprint]
    with Session(database) as session:
        for column in SEALED_COLUMNS:
            for row in session.query(column.table):
                new.unseal(row.sealed, bound_to=column.bound_to(row))
        assert session.query(Secret).count() == SECRETS
    events = box.owner.get("/audit-events?action=master_key.rotate")["items"]
    assert [event["after"] for event in events] == [{"fingerprint": new.fingerprint}]
    assert box.stop() == 0
    box.start_and_wait()
    assert box.request("/run/shop/read?n=7").text == "value 7"


def test_in_two_steps_where_a_process_can_t_read_the_file_again(box: Serving, tmp_path: Path) -> None:
    """As with systemd's LoadCredential: what PiCloud reads is a copy, made when it starts."""
    source = tmp_path / "source.key"
    shutil.copy(key_file(box), source)
    before = load_master_key(source)
    said = box.run("rotate-master-key", PICLOUD_MASTER_KEY_FILE=str(source))
    assert "restart PiCloud" in said.stdout
    both = load_master_key(source)
    assert both.key_id == before.key_id
    box.owner.put("/apps/shop/secrets/S9", {"value": "value 9"})
    assert box.stop() == 0
    shutil.copy(source, key_file(box))
    box.start_and_wait()
    assert box.run("rotate-master-key", PICLOUD_MASTER_KEY_FILE=str(source)).returncode == 0
    assert {load_master_key(source).key_id} == both.key_ids - {before.key_id}
    box.owner.put("/apps/shop/secrets/S10", {"value": "value 10"})
    assert box.stop() == 0
    shutil.copy(source, key_file(box))
    box.start_and_wait()
    for number in (8, 9, 10):
        assert box.request(f"/run/shop/read?n={number}").text == f"value {number}"


def test_a_wrong_or_missing_key_is_found_at_start(database: Engine, box: Serving, tmp_path: Path) -> None:
    create_master_key(tmp_path / "other.key")
    right = load_master_key(key_file(box)).fingerprint
    for name, said in (("other.key", "holds"), ("missing.key", "There is no master key")):
        with Session(database) as session, pytest.raises(KeyFileError, match=said) as caught:
            MasterKeyService(session).open(tmp_path / name)
        assert right in str(caught.value)
        assert str(tmp_path / name) in str(caught.value)


def test_a_value_opens_in_its_own_row_alone(database: Engine, box: Serving) -> None:
    key = load_master_key(key_file(box))
    with Session(database) as session:
        one, other = session.query(Secret).order_by(Secret.id).limit(2)
        [column] = [column for column in SEALED_COLUMNS if column.table is Secret]
        key.unseal(one.sealed, bound_to=column.bound_to(one))
        with pytest.raises(UnsealError):
            key.unseal(one.sealed, bound_to=column.bound_to(other))


def test_every_sealed_value_is_rotated() -> None:
    sealed = {table.name for table in Base.metadata.tables.values() if "sealed" in table.columns}
    assert sealed == {column.table.__tablename__ for column in SEALED_COLUMNS}
