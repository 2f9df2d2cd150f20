"""All settings of an instance: one frozen dataclass, read from an ini file and the environment.

A field `x` is `picloud.x` in the ini file and `PICLOUD_X` in the environment, which wins. The fields' metadata
hold the sentence that docs/reference/settings.md shows; a test keeps the two equal.
"""

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any


class SettingsError(Exception):
    """A setting that can't be used. The text names it, its source and what would do."""


def default_data_dir() -> Path:
    """Root's data stand where a service's do, a person's under the XDG data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/picloud")
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(home) / "picloud"


def _setting(default: Any, sentence: str) -> Any:
    return field(default=default, metadata={"sentence": sentence})


@dataclass(frozen=True, slots=True)
class Settings:
    database_url: str = _setting(
        "",
        "PostgreSQL to use, `postgresql://user@host/name`. Empty: PiCloud runs its own under the data folder.",
    )
    data_dir: Path = field(
        default_factory=default_data_dir,
        metadata={"sentence": "Folder of the embedded PostgreSQL and, unless set elsewhere, the master key."},
    )
    listen: str = _setting("127.0.0.1:8080", "Where the web server listens, `HOST:PORT` or `unix:PATH`.")
    public_url: str = _setting(
        "", "Address that the outside uses, such as `https://box.example.org`; empty: the one listened on."
    )
    trusted_proxies: str = _setting(
        "",
        "Addresses and networks of proxies whose `X-Forwarded-*` headers count, and `unix` for a Unix socket's peer.",
    )
    key_requests_per_minute: int = _setting(30_000, "Requests to the admin API that one key or session may send.")
    failed_sign_ins_per_minute: int = _setting(
        600, "Requests without valid credentials that one address may send to the admin API; loopback is free."
    )
    master_key_file: Path | None = _setting(
        None,
        "File with the master key; systemd's credential `master.key` goes before it. Unset: `master.key` in the data folder.",
    )
    log_level: str = _setting("INFO", "Least level that is logged: DEBUG, INFO, WARNING or ERROR.")
    web_threads: int = _setting(16, "Threads that serve requests, besides those of callers and streams.")
    callers_max: int = _setting(
        32, "HTTP calls that run or wait for a worker at a time; each has a thread. More get a 503 at once."
    )
    streams_max: int = _setting(12, "Live streams of executions open at a time; each has a thread besides those.")
    database_pool_size: int = _setting(8, "Database connections that the web threads share.")
    postgres_shared_buffers_mb: int = _setting(
        8, "Shared buffers of the embedded PostgreSQL; 32 to 64 suit a Pi 4 or 5."
    )
    executor_socket: Path = _setting(
        Path("/run/picloud-executor/executor.sock"),
        "Unix socket of `picloud executor`, for the parts that run apart. `picloud serve` has an executor of its own.",
    )
    sandbox_workers: int = _setting(4, "Handlers that run at the same time.")
    sandbox_wait_s: float = _setting(10.0, "How long an HTTP call waits for a free worker before it gets a 503.")
    sandbox_i_accept_unconfined_handlers: bool = _setting(
        False, "Run handlers even where the kernel can't confine them: whoever writes one then owns the box."
    )
    handler_cpu_ms: int = _setting(10_000, "CPU time a run may use.")
    handler_wall_ms: int = _setting(
        30_000, "Time a run by HTTP may take; runs by a trigger have the trigger's `timeout_s`."
    )
    handler_memory_bytes: int = _setting(64 * 1024 * 1024, "Memory a run may use on top of the idle worker.")
    handler_output_bytes: int = _setting(1024 * 1024, "Size of what a handler may return, as JSON.")
    handler_log_bytes: int = _setting(64 * 1024, "Size of all that a run may log or print.")
    script_max_bytes: int = _setting(1_000_000, "Size of a script's source.")
    http_max_body_bytes: int = _setting(10 * 1024 * 1024, "Size of a request's body, for any route.")
    email_unsigned_max_bytes: int = _setting(256 * 1024, "Size of a mail at an email trigger without a secret.")
    trigger_max_attempts: int = _setting(8, "`max_attempts` of a trigger created without it.")
    trigger_backoff_base_s: float = _setting(5.0, "`backoff_base_s` of a trigger created without it.")
    trigger_backoff_cap_s: float = _setting(3600.0, "`backoff_cap_s` of a trigger created without it.")
    trigger_timeout_s: float = _setting(30.0, "`timeout_s` of a trigger created without it.")
    trigger_dispatch_mode: str = _setting(
        "async", "`dispatch_mode` of a trigger created without it, where its kind has a choice."
    )
    kv_max_entries: int = _setting(100_000, "Entries that one app's store may hold.")
    kv_max_bytes: int = _setting(64 * 1024 * 1024, "Size of what one app's store may hold, keys and values as JSON.")
    kv_value_max_bytes: int = _setting(256 * 1024, "Size of one value in a store, as JSON.")
    audit_keep_days: int = _setting(365, "Days that audit events are kept.")
    session_idle_s: float = _setting(12 * 3600.0, "A browser's session ends when it was not used for so long.")
    session_max_s: float = _setting(7 * 24 * 3600.0, "A browser's session ends after so long, however much it is used.")
    dispatch_batch: int = _setting(200, "Deliveries that a node claims at once.")
    executions_keep_days: int = _setting(30, "Days that executions are kept.")
    events_keep_days: int = _setting(30, "Days that events are kept; longer where a delivery still needs one.")
    history_max_bytes: int = _setting(
        4 * 1024**3, "Size of all executions and events. Beyond it the oldest days go, but never the present one."
    )
    closed_keep_days: int = _setting(30, "Days that cancelled deliveries and discarded dead letters are kept.")
    disk_folder: Path | None = _setting(
        None,
        "Folder on PostgreSQL's disk, watched for room. Unset: the data folder; with a `database_url`, nothing is watched.",
    )
    disk_reserve_bytes: int = _setting(
        256 * 1024 * 1024, "Room to be kept free there: below it, what would store more is answered with 503."
    )
    lease_s: float = _setting(30.0, "After so long without a sign of life a node's deliveries go to another one.")
    backlog_max: int = _setting(100_000, "Deliveries that may wait before new ones are answered with 503.")

    @classmethod
    def load(cls, ini: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None) -> "Settings":
        """Settings from `picloud.*` keys of `ini`, overruled by `PICLOUD_*` of `environ`.

        Raises SettingsError for a value of the wrong type.
        """
        given: dict[str, Any] = {}
        environ = os.environ if environ is None else environ
        for item in fields(cls):
            for source, key in (
                (environ, f"PICLOUD_{item.name.upper()}"),
                (ini or {}, f"picloud.{item.name}"),
            ):
                if source.get(key):
                    given[item.name] = _read(item, source[key], key)
                    break
        return cls(**given)


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _read(item: Field[Any], text: str, key: str) -> Any:
    kind = item.type if isinstance(item.type, type) else Path
    try:
        value = _BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise SettingsError(f"{key} is {text!r}, but has to be of the type {kind.__name__}.") from None
    if kind in (int, float) and not value > 0:
        raise SettingsError(f"{key} is {text!r}, but has to be above zero.")
    if item.name == "database_url" and not text.startswith(("postgresql://", "postgres://", "postgresql+psycopg2://")):
        raise SettingsError(f"{key} has to start with postgresql://: PiCloud runs on PostgreSQL alone.")
    if item.name == "trigger_dispatch_mode" and value not in ("async", "sync"):
        raise SettingsError(f"{key} is {text!r}, but has to be async or sync.")
    return value
