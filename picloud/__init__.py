"""PiCloud. Nothing but the version lives here: a sandbox worker imports this package."""

__version__ = "0.1.0"
