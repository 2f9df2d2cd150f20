"""What helps to write a trigger. Under the tag of triggers."""

import msgspec

from picloud.openapi.operation import Moment, Operation, Query


class CronPreview(msgspec.Struct):
    """A schedule as one would say it, and its next times."""

    words: str
    next_times: list[Moment]


class KvPreview(msgspec.Struct):
    """Entries that match now; `more`: there may be more than are counted."""

    entries: int
    more: bool


class MessageField(msgspec.Struct):
    """A field of PiCloud's own message; see inbound-email.schema.json."""

    name: str
    type: str
    required: bool
    description: str


class EmailGuide(msgspec.Struct):
    """How one provider is set up, the names of all, and the fields of what `normalized` senders send.

    `generates_secret`: we may make its secret; others give you theirs.
    """

    provider: str
    setup: str
    generates_secret: bool
    providers: list[str]
    fields: list[MessageField]


PREVIEWS = (
    Operation(
        route="cron_preview",
        method="GET",
        id="preview_cron",
        summary="Say a schedule in words, with its next five times",
        query=(
            Query("schedule", str, "Five fields, or @daily and its like."),
            Query("timezone", str, "An IANA name; UTC without it."),
        ),
        answers={200: CronPreview},
    ),
    Operation(
        route="kv_preview",
        method="GET",
        id="preview_kv",
        summary="Count the entries that two globs match, up to 1,000",
        query=(Query("collection_glob", str, "`*` without it."), Query("key_glob", str, "`*` without it.")),
        answers={200: KvPreview},
    ),
    Operation(
        route="email_guide",
        method="GET",
        id="get_email_guide",
        summary="Show how a sender of mail is set up, and what it may send",
        query=(Query("provider", str, "`normalized` without it."),),
        answers={200: EmailGuide},
    ),
)
