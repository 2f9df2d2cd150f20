"""Idempotency-Key: a request that is sent again gets the answer of the first, and changes nothing twice.

Follows draft-ietf-httpapi-idempotency-key-header. Only successes are kept: what failed has changed nothing.
"""

from dataclasses import dataclass
from uuid import UUID

import msgspec
from nacl import encoding, hash
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from picloud.crypto import MasterKey, UnsealError
from picloud.domain.errors import Conflict, Invalid, Unavailable
from picloud.domain.ids import uuid7
from picloud.models import IdempotentAnswer
from picloud.services.keyring.master_keys import seal

KEEP_HOURS = 24
_FORGET = text(f"""
    DELETE FROM idempotent_answers WHERE id IN (
        SELECT id FROM idempotent_answers WHERE created_at < now() - interval '{KEEP_HOURS} hours'
        ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED)
""")  # noqa: S608


@dataclass(frozen=True, slots=True)
class Asked:
    """What names a request. `path` is that of the address."""

    user_id: UUID
    path: str
    key: str
    body: bytes

    def body_hash(self) -> bytes:
        return bytes(hash.blake2b(self.body, digest_size=32, encoder=encoding.RawEncoder))

    def lock(self) -> int:
        """A number for an advisory lock."""
        name = f"{self.user_id} {self.path} {self.key}".encode()
        digest = hash.blake2b(name, digest_size=8, person=b"picloud-idempot", encoder=encoding.RawEncoder)
        return int.from_bytes(digest, signed=True)


class Answer(msgspec.Struct):
    """An answer as it was given."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def binding(answer_id: UUID) -> str:
    """What a kept answer is sealed for."""
    return f"idempotent_answer:{answer_id}"


class IdempotencyService:
    def __init__(self, session: Session, master_key: MasterKey) -> None:
        self._session = session
        self._master_key = master_key

    def begin(self, asked: Asked) -> Answer | None:
        """The answer to give again, or None: do it, in this transaction, and `keep` the answer.

        Raises Conflict while another transaction does it, Invalid for a key that was sent with another body.
        """
        if not self._session.scalar(select(func.pg_try_advisory_xact_lock(asked.lock()))):
            detail = "The request with this Idempotency-Key is being worked on."
            raise Conflict(detail, code="idempotency_in_flight")
        self._session.execute(_FORGET)
        same = (IdempotentAnswer.user_id == asked.user_id) & (IdempotentAnswer.path == asked.path)
        row = self._session.scalar(select(IdempotentAnswer).where(same, IdempotentAnswer.key == asked.key))
        if row is None:
            return None
        if row.body_hash != asked.body_hash():
            raise Invalid("This Idempotency-Key was sent with another body.", code="idempotency_key_reused")
        return self._opened(row)

    def keep(self, asked: Asked, answer: Answer) -> None:
        answer_id = uuid7()
        encoded = msgspec.json.encode(answer)
        row = IdempotentAnswer(
            id=answer_id,
            user_id=asked.user_id,
            path=asked.path,
            key=asked.key,
            body_hash=asked.body_hash(),
            sealed=seal(self._session, self._master_key, encoded, bound_to=binding(answer_id)),
        )
        self._session.add(row)
        self._session.flush()

    def _opened(self, row: IdempotentAnswer) -> Answer:
        try:
            return msgspec.json.decode(self._master_key.unseal(row.sealed, bound_to=binding(row.id)), type=Answer)
        except UnsealError:
            raise Unavailable("The kept answer can't be read.", code="secret_unreadable") from None
