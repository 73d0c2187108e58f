"""Migrations of the database; `storage/migrate.py` runs them at start, under a lock."""
