"""What can go wrong with the embedded PostgreSQL, told to the person who runs PiCloud."""


class PostgresError(Exception):
    """The embedded PostgreSQL can't be used. The message names the cause, the place and what to do."""
