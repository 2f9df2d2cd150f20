"""What came to an email trigger's door is noted without getting in anybody's way."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine

from picloud.services.email.inbound_requests import InboundRequests, Noted

AT = datetime(2026, 11, 23, tzinfo=UTC)
NOTED = Noted(at=AT, status=401, outcome="bad_signature", detail=None, body_bytes=2, client=None)


def test_a_database_that_is_away_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    requests = InboundRequests(create_engine(f"postgresql+psycopg2:///none?host={tmp_path}"))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            requests.note(UUID(int=1), NOTED)
            requests.write()
    assert [record.message for record in caplog.records] == ["requests at email triggers not noted"]
