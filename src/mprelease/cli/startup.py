"""Open the application when a command needs it, so that `--help` loads nothing of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mprelease.cli.log_file import SharedLogFile
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor
from mprelease.settings.environment import user_name

if TYPE_CHECKING:
    from mprelease.application import Application

_LARGEST_FILE = 1 << 20


@contextmanager
def opening() -> "Iterator[Application]":
    """Open the data folder that the settings name, during the block."""
    from mprelease.application import opened
    from mprelease.settings.settings import load

    settings = load()
    if settings.server:
        raise Refused(Problem.WORKS_ON_SERVER, url=settings.server)
    application = opened(settings)
    _log_to(application.layout.data / "mprelease.log")
    try:
        yield application
    finally:
        application.close()


def log_to_stderr() -> None:
    """Tell on standard error, too, what concerns operators: for a process that stays."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger("mprelease").addHandler(handler)


def _log_to(file: Path) -> None:
    """Write what concerns operators, tracebacks too, into a file: nobody else sees them."""
    handler = SharedLogFile(file, largest=_LARGEST_FILE, kept=3)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log = logging.getLogger("mprelease")
    for earlier in log.handlers:
        earlier.close()
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


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
