from dataclasses import fields
from pathlib import Path

import pytest

from picloud.settings import Settings, SettingsError

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_the_environment_wins_over_the_file() -> None:
    ini = {"picloud.listen": "127.0.0.1:1", "picloud.web_threads": "3", "pyramid.includes": "x"}
    settings = Settings.load(ini, {"PICLOUD_LISTEN": "127.0.0.1:2", "PICLOUD_DATA_DIR": "/d"})
    assert (settings.listen, settings.web_threads, settings.data_dir) == ("127.0.0.1:2", 3, Path("/d"))


def test_trigger_defaults_come_from_the_environment() -> None:
    environ = {
        "PICLOUD_TRIGGER_MAX_ATTEMPTS": "4",
        "PICLOUD_TRIGGER_BACKOFF_BASE_S": "1.5",
        "PICLOUD_TRIGGER_BACKOFF_CAP_S": "9",
        "PICLOUD_TRIGGER_TIMEOUT_S": "2",
        "PICLOUD_TRIGGER_DISPATCH_MODE": "sync",
    }
    settings = Settings.load({}, environ)
    assert (settings.trigger_max_attempts, settings.trigger_backoff_base_s) == (4, 1.5)
    assert (settings.trigger_backoff_cap_s, settings.trigger_timeout_s) == (9.0, 2.0)
    assert settings.trigger_dispatch_mode == "sync"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PICLOUD_WEB_THREADS", "many"),
        ("PICLOUD_WEB_THREADS", "0"),
        ("PICLOUD_LEASE_S", "nan"),
        ("PICLOUD_TRIGGER_DISPATCH_MODE", "later"),
        ("PICLOUD_DATABASE_URL", "sqlite:///x.db"),
    ],
)
def test_a_bad_value_names_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.load({}, {name: value})


def documented() -> str:
    rows = ["| setting | environment | default | |", "|---|---|---|---|"]
    for item in fields(Settings):
        default = "" if item.name == "data_dir" or item.default in ("", None) else f"`{item.default}`"
        sentence = item.metadata["sentence"]
        rows.append(f"| `picloud.{item.name}` | `PICLOUD_{item.name.upper()}` | {default} | {sentence} |")
    return "\n".join(rows)


def test_the_page_of_settings_is_whole() -> None:
    assert documented() in DOCS.read_text()
