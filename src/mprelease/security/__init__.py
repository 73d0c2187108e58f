"""Encryption of credentials, password hashing, and tokens."""
