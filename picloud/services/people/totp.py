from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from picloud.crypto import MasterKey, UnsealError, new_token, random_bytes, token_hash
from picloud.domain.errors import Conflict, Unavailable, invalid
from picloud.domain.totp import SECRET_BYTES, key_text, matching_step, otpauth_uri, step_of
from picloud.models import UserTotp
from picloud.services.keyring.master_keys import seal

ISSUER = "PiCloud"
RECOVERY_CODES = 8
RECOVERY_PREFIX = "rec_"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Shown once. `secret`: base32."""

    secret: str
    uri: str


class TotpService:
    """A user's second factor. It counts from when it was confirmed by its first code."""

    def __init__(self, session: Session, master_key: MasterKey) -> None:
        self._session = session
        self._master_key = master_key

    def is_enabled(self, user_id: UUID) -> bool:
        row = self._session.get(UserTotp, user_id)
        return row is not None and row.confirmed_at is not None

    def enrol(self, user_id: UUID, email: str) -> Enrolment:
        """A new secret, not yet in use. Raises Conflict while one is."""
        row = self._session.get(UserTotp, user_id, with_for_update=True) or UserTotp(user_id=user_id)
        if row.confirmed_at is not None:
            raise Conflict("A second factor is in use. Remove it first.")
        secret = random_bytes(SECRET_BYTES)
        row.sealed = seal(self._session, self._master_key, secret, bound_to=binding(user_id))
        self._session.add(row)
        self._session.flush()
        return Enrolment(key_text(secret), otpauth_uri(secret, email, ISSUER))

    def confirm(self, user_id: UUID, code: str) -> list[str]:
        """From now on the factor counts; the recovery codes, shown once. Raises Conflict, Invalid."""
        row = self._session.get(UserTotp, user_id, with_for_update=True)
        if row is None or row.confirmed_at is not None:
            raise Conflict("No second factor waits for its first code.")
        if not self._use_code(row, code):
            raise invalid("/code", "is not the code of this moment; check the clock of your device")
        row.confirmed_at = func.now()
        codes = [new_token(RECOVERY_PREFIX)[:20] for _ in range(RECOVERY_CODES)]
        row.recovery_hashes = [token_hash(item) for item in codes]
        self._session.flush()
        return codes

    def use(self, user_id: UUID, code: str) -> bool:
        """Whether the code is right. Each works once: a recovery code for ever, another in its time step."""
        row = self._session.get(UserTotp, user_id, with_for_update=True, populate_existing=True)
        if row is None or row.confirmed_at is None:
            return False
        recovery = token_hash(code)
        if recovery in row.recovery_hashes:
            row.recovery_hashes = [kept for kept in row.recovery_hashes if kept != recovery]
            return True
        return self._use_code(row, code)

    def remove(self, user_id: UUID) -> bool:
        """Whether there was one."""
        row = self._session.get(UserTotp, user_id)
        if row is not None:
            self._session.delete(row)
        return row is not None

    def _use_code(self, row: UserTotp, code: str) -> bool:
        now = self._session.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one()
        try:
            secret = self._master_key.unseal(row.sealed, bound_to=binding(row.user_id))
        except UnsealError:
            raise Unavailable("The second factor can't be read.", code="secret_unreadable") from None
        step = matching_step(secret, code, step_of(float(now)), row.last_step or 0)
        row.last_step = step or row.last_step
        return step is not None


def binding(user_id: UUID) -> str:
    """What a sealed factor is bound to: its user."""
    return f"totp:{user_id}"
