"""What is looked at besides the sandbox and the database."""

from collections.abc import Iterator

from picloud.box import environment
from picloud.checkup.certificate import certificate
from picloud.checkup.files import files
from picloud.checkup.finding import Finding
from picloud.checkup.services import services
from picloud.services.keyring.key_file import master_key_file
from picloud.settings import Settings


def surroundings(settings: Settings) -> Iterator[Finding]:
    yield from services()
    yield from files(settings.data_dir, (master_key_file(settings), environment.FILE))
    found = certificate(settings.public_url)
    if found is not None:
        yield found
