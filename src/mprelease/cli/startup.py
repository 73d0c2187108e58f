"""Open the application for a command (not imported for `--help`), logging, and input files."""

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mprelease.cli.log_file import SharedLogFile
from mprelease.cli.log_format import formatter
from mprelease.domain.errors import Refused
from mprelease.domain.logs import LogFormat
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor
from mprelease.settings.environment import user_name

if TYPE_CHECKING:
    from mprelease.application import Application
    from mprelease.installation import Installation
    from mprelease.settings.settings import Settings
    from mprelease.storage.database import Reader

    Opened = TypeVar("Opened", bound=Installation)

_LARGEST_FILE = 1 << 20


@contextmanager
def opening() -> "Iterator[Application]":
    """Open the application on the configured data folder; raise Refused if a server is set."""
    from mprelease.application import opened

    with _logged(opened(_settings())) as application:
        gc.enable()
        yield application


@contextmanager
def reading() -> "Iterator[Reader]":
    """Read from the configured installation; raise Refused if a server is set.

    Imports a third of what `opening` does: for commands that only read.
    """
    from mprelease.installation import opened

    with _logged(opened(_settings())) as opened_, opened_.services.database.reading() as db:
        yield db


def _settings() -> "Settings":
    from mprelease.settings.settings import load

    settings = load()
    if settings.server:
        raise Refused(Problem.WORKS_ON_SERVER, url=settings.server)
    return settings


@contextmanager
def _logged(installation: "Opened") -> "Iterator[Opened]":
    """Log to the data folder during the block, and close the installation."""
    _log_to(installation.layout.data / "mprelease.log", installation.settings.log_format)
    try:
        yield installation
    finally:
        installation.close()


def log_to_stderr(chosen: LogFormat) -> None:
    """Also log to standard error, with warnings of libraries, for long-running processes."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(chosen, short=True))
    logging.getLogger("mprelease").addHandler(handler)
    for name in ("uvicorn", "opentelemetry"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [handler], False
        library.setLevel(logging.WARNING)


def _log_to(file: Path, chosen: LogFormat) -> None:
    """Log to a private file, including tracebacks, which users are not shown."""
    handler = SharedLogFile(file, largest=_LARGEST_FILE, kept=3)
    handler.setFormatter(formatter(chosen))
    log = logging.getLogger("mprelease")
    for earlier in log.handlers:
        earlier.close()
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def me() -> Actor:
    """Return the user of this process as the actor of operations."""
    return Actor(user_name())


def content(file: Path) -> bytes:
    """Return the content of a file, of at most 1 MiB; raise Refused."""
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise Refused(Problem.FILE_UNREADABLE, file=str(file), detail="> 1 MiB")
        return file.read_bytes()
    except OSError as error:
        raise Refused(
            Problem.FILE_UNREADABLE, file=str(file), detail=error.strerror or str(error)
        ) from None


def text(file: Path) -> str:
    """Return the content of a UTF-8 file, of at most 1 MiB; raise Refused."""
    try:
        return content(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(Problem.FILE_UNREADABLE, file=str(file), detail="UTF-8?") from None
