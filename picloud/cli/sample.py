import click
from sqlalchemy import func, select

from picloud.cli import banner
from picloud.cli.database import DATABASE_ERRORS, open_engine
from picloud.cli.options import load_settings, plain_errors
from picloud.crypto import KeyFileError
from picloud.domain.errors import PicloudError
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.sandbox_pool.pool import Pool
from picloud.services.keyring.key_file import master_key_file
from picloud.services.keyring.master_keys import MasterKeyService
from picloud.services.sample import SampleService
from picloud.services.sessions import session_factory
from picloud.services.wakeup import Wakeup


@click.command("sample")
@click.option("--address", default="http://127.0.0.1:8080", show_default=True, help="Where PiCloud serves.")
@click.option("--insecure", is_flag=True, help="Let curl take a certificate of an authority that it doesn't know.")
@plain_errors(*DATABASE_ERRORS, PicloudError, KeyFileError, ExecutorGone)
def command(address: str, insecure: bool) -> None:
    """Deploy the app `hello` and print how to call it."""
    settings = load_settings()
    pool = Pool(Executor(), size=1, spares=0)
    try:
        with open_engine(settings, upgrade=False) as engine, session_factory(engine, Wakeup()).begin() as session:
            key = MasterKeyService(session).open(master_key_file(settings))
            samples = SampleService(session, pool, key, settings)
            mail = samples.mail(samples.deploy(), session.execute(select(func.now())).scalar_one())
    finally:
        pool.close()
    click.echo(banner.sample_lines(address, mail, ("-k",) if insecure else ()))
