"""Where the master key lies."""

import os
from pathlib import Path

from picloud.settings import Settings

MASTER_KEY_NAME = "master.key"


def master_key_file(settings: Settings) -> Path:
    """systemd's credential, as set, or in the data folder.

    The credential goes first: the service may not read the file that the setting names to commands run by root.
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / MASTER_KEY_NAME).exists():
        return Path(credentials) / MASTER_KEY_NAME
    return settings.master_key_file or settings.data_dir / MASTER_KEY_NAME
