"""Open the application when a command needs it, so that `--help` loads nothing of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mprelease.domain.errors import Refused
from mprelease.domain.people import Actor
from mprelease.domain.problems import Problem
from mprelease.settings.environment import user_name

if TYPE_CHECKING:
    from mprelease.application import Application

_LARGEST_FILE = 1 << 20


@contextmanager
def opening() -> "Iterator[Application]":
    """Open the data folder that the settings name, during the block."""
    from mprelease.application import opened
    from mprelease.settings.knobs import load

    application = opened(load())
    try:
        yield application
    finally:
        application.house.database.close()


def me() -> Actor:
    """Return who sits at this terminal."""
    return Actor(user_name())


def content(file: Path) -> bytes:
    """Return what is in a file that was named on the command line."""
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise Refused(Problem.FILE_UNREADABLE, file=str(file), detail="> 1 MiB")
        return file.read_bytes()
    except OSError as error:
        raise Refused(
            Problem.FILE_UNREADABLE, file=str(file), detail=error.strerror or str(error)
        ) from None


def text(file: Path) -> str:
    """Return the text of a file that was named on the command line."""
    try:
        return content(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(Problem.FILE_UNREADABLE, file=str(file), detail="UTF-8?") from None
