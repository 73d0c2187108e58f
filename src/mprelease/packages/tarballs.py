"""Verify and unpack the archives of npm packages."""

import base64
import errno
import gzip
import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

_CHUNK = 2**20
_LARGEST = 2**30
# What tarfile raises for headers that lie, and the system for two entries of one path.
_UNREADABLE = (
    *(tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError),
    *(FileExistsError, NotADirectoryError, IsADirectoryError),
)


class UnusableArchive(Exception):
    """The archive is not the one that the registry describes, or cannot be unpacked."""


class _SmallReads(gzip.GzipFile):
    """A compressed file that refuses to read a large part at once, as a header of tar may want."""

    def read(self, size: int | None = -1) -> bytes:
        """Return the next `size` bytes; raise UnusableArchive for more than 1 MiB."""
        if size is None or not 0 <= size <= _CHUNK:
            raise UnusableArchive(f"{size} bytes at once")
        return super().read(size)


def copy_verified(source: BinaryIO, target: Path, integrity: str) -> None:
    """Copy an archive to a new file; raise UnusableArchive if its SHA-512 is another one.

    `integrity` is the registry's `dist.integrity`.
    """
    digest = hashlib.sha512()
    with target.open("xb") as copy:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
    actual = f"sha512-{base64.b64encode(digest.digest()).decode()}"
    if actual not in integrity.split():
        raise UnusableArchive(f"{actual} != {integrity or 'sha512'}")


def unpack(archive: Path, folder: Path, on_file: Callable[[], None]) -> None:
    """Write the regular files of an archive, without its top folder, into a new folder of ours.

    Links and everything else are left out; files are executable or not, and writable for their
    owner only. `on_file` is called before each, and may raise to abort. Raise UnusableArchive for
    a path that leads outside, and beyond 1 GiB, which may not be in one header either.
    """
    folder.mkdir(parents=True)
    size = 0
    try:
        with (
            _SmallReads(archive) as plain,
            tarfile.open(fileobj=cast("BinaryIO", plain), mode="r:") as packed,
        ):
            for entry in packed:
                on_file()
                size += entry.size
                if size > _LARGEST:
                    raise UnusableArchive(f"> {_LARGEST} bytes")
                if entry.isfile():
                    _write(packed, entry, folder)
    except _UNREADABLE as error:
        raise UnusableArchive(str(error)) from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise UnusableArchive(error.strerror) from error


def _write(packed: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    path = PurePosixPath(entry.name)
    inside = path.parts[1:]
    if path.is_absolute() or ".." in path.parts or not inside:
        raise UnusableArchive(entry.name)
    target = folder.joinpath(*inside)
    target.parent.mkdir(parents=True, exist_ok=True)
    content = packed.extractfile(entry)
    assert content is not None
    with target.open("xb") as written:
        shutil.copyfileobj(content, written, _CHUNK)
    target.chmod(0o755 if entry.mode & 0o100 else 0o644)
