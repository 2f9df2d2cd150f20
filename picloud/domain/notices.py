"""What an owner wants to be told of without looking, and by which way."""

from enum import StrEnum


class Channel(StrEnum):
    """`ntfy`: a topic of a server like ntfy.sh. `webhook`: a JSON object to any address."""

    NTFY = "ntfy"
    WEBHOOK = "webhook"


class Condition(StrEnum):
    """What is told of."""

    DEAD_LETTERS = "dead_letters"
    """Deliveries failed for good, and wait for somebody."""
    BREAKER = "breaker"
    """A script kills its worker again and again, and is held back."""
    DISK = "disk"
    """Little is left of it."""
    BACKUPS = "backups"
    """There is none, or the newest is old."""
    MAIL_SILENT = "mail_silent"
    """No mail has come for longer than is usual here."""
