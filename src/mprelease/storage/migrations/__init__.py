"""Migrations of the database, run at start under a lock."""
