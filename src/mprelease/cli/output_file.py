"""Write output files of commands atomically."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.problems import Problem


def write_atomically(file: Path, content: bytes) -> None:
    """Write a temporary file and rename it; on an error remove it and raise OSError.

    Special files, such as pipes, are written directly.
    """
    with replacing(file) as stream:
        stream.write(content)


@contextmanager
def replacing(file: Path, *, is_private: bool = False) -> Iterator[BinaryIO]:
    """Open a stream whose content replaces a file at the end of the block.

    On an error the file is not changed. It keeps its mode; with `is_private` it gets 0600. Special
    files, such as pipes, are written directly. Raise OSError.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if _is_special(file):
        with file.open("wb") as stream:
            yield stream
        return
    target = file.resolve()  # keeps a symbolic link
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:64]}-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        if target.exists() and not is_private:
            Path(name).chmod(target.stat().st_mode & 0o777)
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


@contextmanager
def reporting_unwritable(file: Path) -> Iterator[None]:
    """Raise StageFailed(FILE_UNWRITABLE) instead of an OSError of the block."""
    try:
        yield
    except OSError as error:
        raise StageFailed(
            Problem.FILE_UNWRITABLE, file=str(file), detail=error.strerror or str(error)
        ) from None


def refuse_unwritable(file: Path | None) -> None:
    """Raise Refused if a file cannot be written; no file is created."""
    if file is None:
        return
    # Checked first, because later the error would make a successful upload look failed.
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _try(file)
    except OSError as error:
        raise Refused(
            Problem.FILE_UNWRITABLE, file=str(file), detail=error.strerror or str(error)
        ) from None


def _try(file: Path) -> None:
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if file.exists() and not os.access(file, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if not _is_special(file):
        target = file.resolve()
        with tempfile.TemporaryFile(prefix=f".{target.name[:64]}-", dir=target.parent):
            pass


def _is_special(file: Path) -> bool:
    return file.exists() and not file.is_file()
