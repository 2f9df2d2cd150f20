"""Alembic migrations; installed as the package `picloud_migrations`."""
