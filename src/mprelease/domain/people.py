"""Whoever does something."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """A person by name, as the audit and the releases keep it."""

    name: str
