"""Compile results: what a vendor's tool has compiled, named by a key of all that it was made of.

Builds and publishing processes never see this store: a result is copied to a process that may use
it, and one that a process has written is copied from its folder. A result is untrusted content of
the files that its key names, so it is used for the same files again, and for nothing else.
"""

import hashlib
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mprelease.domain.problems import Message
from mprelease.process import plain_files
from mprelease.process.removal import put_in_place, remove

_CONTENT = "content"
_NOTE = "note.json"
_CHUNK = 2**20
_LARGEST = 128 * 2**20  # bytes; packages of mini programs are limited to 30 MB


class DamagedResult(Exception):
    """A kept result differs from what was kept; it has been removed."""


@dataclass(frozen=True)
class CompileResults:
    """The results of one repository."""

    folder: Path

    def copy(self, key: str, target: Path) -> tuple[Message, ...] | None:
        """Copy a result to a new file, and return the messages kept with it; None without one.

        Raise DamagedResult, and OSError if `target` cannot be written.
        """
        folder = self.folder / key
        try:
            text = (folder / _NOTE).read_text(encoding="utf-8")
            source = (folder / _CONTENT).open("rb")
        except FileNotFoundError:
            return None
        with source:
            digest = _copied(source, target)
        messages = _valid_messages(text, digest)
        if messages is None:
            target.unlink()
            remove(folder)
            raise DamagedResult(str(folder))
        with suppress(FileNotFoundError):  # removed by a cleanup
            os.utime(folder)
        return messages

    def keep(self, key: str, written: Path, messages: tuple[Message, ...]) -> bool:
        """Keep a copy of what a publishing process has written, with messages about its files.

        Return False if it is missing, a link, or too large. Raise OSError, and keep nothing, if
        the disk is full.
        """
        try:
            source = plain_files.opened(written)
        except OSError:
            return False
        draft = self.folder / f".draft-{secrets.token_hex(4)}"
        with source:
            state = os.fstat(source.fileno())
            # Another name of the file could be one of a file that the process may not read.
            if state.st_size > _LARGEST or state.st_nlink > 1:
                return False
            draft.mkdir(mode=0o700, parents=True)
            try:
                listed = [[each.id, dict(each.parameters)] for each in messages]
                digest = _digest_of(_copied(source, draft / _CONTENT), listed)
                note = {"digest": digest, "messages": listed}
                (draft / _NOTE).write_text(json.dumps(note), encoding="utf-8")
                put_in_place(draft, self.folder / key)
            finally:
                remove(draft)
        return True


def _valid_messages(note: str, content: str) -> tuple[Message, ...] | None:
    """Return the messages of a note; None unless it belongs to a content with this digest."""
    try:
        digest, messages = (json.loads(note)[name] for name in ("digest", "messages"))
        read = tuple(Message(str(name), dict(parameters)) for name, parameters in messages)
    except (ValueError, KeyError, TypeError):
        return None
    return read if digest == _digest_of(content, messages) else None


def _copied(source: BinaryIO, target: Path) -> str:
    """Copy at most the largest size to a new private file, and return the content's digest."""
    digest, left = hashlib.sha256(), _LARGEST
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(target, flags, 0o600), "wb") as writer:
        while left > 0 and (chunk := source.read(min(_CHUNK, left))):
            left -= len(chunk)
            digest.update(chunk)
            writer.write(chunk)
    return digest.hexdigest()


def _digest_of(content: str, messages: object) -> str:
    whole = json.dumps([content, messages], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()
