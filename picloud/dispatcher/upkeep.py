"""What has to be done once a day: the partitions of the days ahead."""

import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from picloud.models.partitions import ensure_partitions

log = logging.getLogger(__name__)

_AFTER_MIDNIGHT = timedelta(minutes=5)
_AGAIN_S = 600.0


def seconds_to_next_day(now: datetime) -> float:
    """Until 00:05 UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    today = midnight + _AFTER_MIDNIGHT
    return (today if now < today else today + timedelta(days=1)).timestamp() - now.timestamp()


def make_partitions(engine: Engine) -> float:
    """Make what is missing. Seconds until it should be tried next: a day's table is there a week before its day."""
    try:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            ensure_partitions(connection)
    except SQLAlchemyError as error:
        log.warning("partitions not made", exc_info=error)
        return _AGAIN_S
    return seconds_to_next_day(datetime.now(UTC))
