"""Mirrors: one bare copy per repository, brought up to date one ref at a time."""

import fcntl
import hashlib
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Commit
from mprelease.process.removal import remove
from mprelease.source.access import opened
from mprelease.source.failures import full_disk_told
from mprelease.source.git import Git
from mprelease.source.local import lies_in
from mprelease.source.repository import Repository, check_ref, is_local


@dataclass(frozen=True)
class ResolvedRef:
    """What a ref stood for when it was fetched; `branch` only when the ref was one.

    `tree_id` is git's name of everything that the commit holds.
    """

    commit: Commit
    branch: str | None
    tree_id: str


class Mirror:
    """The bare copy of one repository; it holds neither its address nor its access."""

    def __init__(self, git: Git, repository: Repository) -> None:
        self._git = git
        self._repository = repository
        name = hashlib.sha256(repository.url.encode()).hexdigest()[:24]
        self.path = git.mirrors / f"{name}.git"

    @property
    def address(self) -> str:
        """Return the address of the repository."""
        return self._repository.url

    def fetch(self, ref: str) -> ResolvedRef:
        """Bring a branch, a tag or a commit with its whole history.

        A name is a branch before it is a tag; `refs/heads/…` and `refs/tags/…` say which. A full
        commit id that is already here needs no network. The beginning of one, of at least 7
        digits, is a name before it is a commit, and everything is brought that it could mean:
        whoever pushes can choose how the ids of their commits begin. Raise StageFailed,
        GIT_REF_NOT_FOUND if there is no such ref, and Refused(REF_SHAPE).
        """
        check_ref(ref)
        self._refuse_own_data()
        if _FULL_ID.fullmatch(ref) and self._is_proven() and (known := self._known(ref)):
            return known
        with full_disk_told(), self.alone(), self._opened() as environment:
            self._make()
            self._prove(environment)
            fetched = self._by_name(ref, environment) or self._by_id(ref, environment)
        if fetched is None:
            raise StageFailed(Problem.GIT_REF_NOT_FOUND, ref=ref, repository=self._repository.url)
        return fetched

    def ask_host(self, *arguments: str) -> None:
        """Let `git ls-remote` tell its lines to the git's listener; raise StageFailed."""
        self._refuse_own_data()
        with full_disk_told(), self.alone(), self._opened() as environment:
            self._make()
            url = self._repository.url
            self._run(self.path, "ls-remote", *arguments, "--", url, environment=environment)

    def fetch_large_files(self, commit: str) -> None:
        """Bring what the pointers of Git LFS in a commit stand for; raise StageFailed.

        Objects come from where the repository is: a `.lfsconfig` in it names no other host, for
        git-lfs looks for one in HEAD, and nothing is there in a mirror.
        """
        # git-lfs takes no address on its command line.
        origin = ("-c", f"remote.origin.url={self._repository.url}")
        with full_disk_told(), self.alone(), self._opened() as environment:
            fetch = ("lfs", "fetch", "origin", commit)
            self._run(self.path, *origin, *fetch, environment=environment)

    def newest(self, ref: str, count: int) -> tuple[Commit, ...]:
        """Fetch a ref and return its newest commits, the newest first; raise StageFailed."""
        commit = self.fetch(ref).commit.id
        answer = self.ask("log", f"-{count}", "--encoding=UTF-8", _FORMAT, commit, "--")
        fields = answer.split(b"\0")[:-1]
        each = range(0, len(fields), _FIELDS)
        return tuple(_commit_of(fields[start : start + _FIELDS]) for start in each)

    def ask(self, *arguments: str) -> bytes:
        """Return what a git command reads from the mirror; raise StageFailed if it cannot."""
        return self._git.ask(self.path, *arguments, repository=self._repository.url)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads and processes from changing the mirror.

        Raise the reason if a stop is asked while waiting.
        """
        self._git.mirrors.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            while not _is_locked(lock.fileno()):
                self._git.raise_if_over()
                time.sleep(_BETWEEN_TRIES)
            yield

    def _opened(self) -> AbstractContextManager[Mapping[str, str]]:
        folder = self.path.with_suffix(".access")
        return opened(self._repository.access, self._repository.url, folder)

    def _refuse_own_data(self) -> None:
        """Raise StageFailed for a path in the data folder, where others' repositories lie."""
        url = self._repository.url
        if is_local(url) and lies_in(url, self._git.mirrors.parent):
            raise StageFailed(Problem.REPOSITORY_IN_DATA_FOLDER, repository=url)

    def _is_proven(self) -> bool:
        """Tell whether the host has let this access in before: the mirror itself asks nobody."""
        return self._proofs.exists() and self._proof() in self._proofs.read_text().splitlines()

    def _prove(self, environment: Mapping[str, str]) -> None:
        """Ask the host to let this access in; git would not even call it for what is here."""
        if not self._is_proven():
            silent = self._git.heard_by(lambda _: None)
            ask = ("ls-remote", "--", self._repository.url, "HEAD")
            silent.run(self.path, *ask, environment=environment, repository=self._repository.url)
            with self._proofs.open("a") as proofs:
                proofs.write(f"{self._proof()}\n")

    @property
    def _proofs(self) -> Path:
        return self.path / "proofs"

    def _proof(self) -> str:
        """Return what tells accesses apart, and is worth nothing to whoever reads it."""
        access = self._repository.access
        kind = () if access.has_machine_login else ("stranger",)
        secrets = "\0".join((*access.secrets, *kind))
        salt = self.path.name.encode()
        return hashlib.scrypt(secrets.encode(), salt=salt, n=2**10, r=8, p=1, dklen=16).hex()

    def _make(self) -> None:
        if self.path.exists():
            self._forget_the_killed()
            return
        half = self.path.with_suffix(".new")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        self._run(half, "init", "--quiet", "--bare", "--template=", environment={})
        half.rename(self.path)

    def _forget_the_killed(self) -> None:
        # We are alone here, so whoever left a lock or half a pack was killed over it.
        halves = (*self.path.glob("objects/pack/tmp_*"), *self.path.glob("lfs/tmp/*"))
        for left in (*self.path.rglob("*.lock"), *halves):
            remove(left)

    def _known(self, ref: str) -> ResolvedRef | None:
        if not _ID.fullmatch(ref) or not self.path.exists():
            return None
        found = self._fetched(ref, branch=None)
        # git may have found a tag of that name: then it is not this commit.
        return found if found and found.commit.id.startswith(ref.lower()) else None

    def _by_name(self, ref: str, environment: Mapping[str, str]) -> ResolvedRef | None:
        if _FULL_ID.fullmatch(ref):
            return None
        for source, branch in _readings(ref):
            kept = _kept(source)
            if self._bring(environment, f"+{source}:{kept}") and (
                found := self._fetched(kept, branch)
            ):
                return found
        return None

    def _by_id(self, ref: str, environment: Mapping[str, str]) -> ResolvedRef | None:
        if not _ID.fullmatch(ref):
            return None
        # Some hosts hand out only what a ref points to; then it is looked for behind all refs.
        if _FULL_ID.fullmatch(ref) and self._bring(environment, f"+{ref}:{_kept(ref)}"):
            return self._known(ref)
        self._bring(environment, *_EVERYTHING)
        return self._known(ref)

    def _bring(self, environment: Mapping[str, str], *refs: str) -> bool:
        try:
            self._run(self.path, *_FETCH, self._repository.url, *refs, environment=environment)
        except StageFailed as failure:
            if failure.problem_detail.problem is Problem.GIT_REF_NOT_FOUND:
                return False
            raise
        return True

    def _fetched(self, revision: str, branch: str | None) -> ResolvedRef | None:
        try:
            answer = self.ask("log", "-1", "--encoding=UTF-8", _FORMAT, revision, "--")
        except StageFailed:
            return None
        fields = answer.split(b"\0")[:_FIELDS]
        return ResolvedRef(_commit_of(fields), branch, fields[-1].decode())

    def _run(self, folder: Path, *arguments: str, environment: Mapping[str, str]) -> None:
        repository = self._repository.url
        try:
            self._git.run(folder, *arguments, environment=environment, repository=repository)
        except BaseException:
            # Nobody may ever come back for this repository: what it sent must not stay.
            self._forget_the_killed()
            raise


_ID = re.compile(r"[0-9a-fA-F]{7,64}")
_FULL_ID = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_FIELDS = 6
_LONGEST_TEXT = 2000  # bytes of an author or subject
_FORMAT = "--format=%e%x00%H%x00%ct%x00%an%x00%s%x00%T%x00"
_FETCH = (
    "fetch",
    "--progress",
    "--update-shallow",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
    "--prune",
    "--",
)
_EVERYTHING = ("+refs/heads/*:refs/all/*", "+refs/tags/*:refs/tags/*")
_BETWEEN_TRIES = 0.05  # seconds


def _readings(ref: str) -> tuple[tuple[str, str | None], ...]:
    if ref.startswith("refs/heads/"):
        return ((ref, ref.removeprefix("refs/heads/")),)
    if ref.startswith("refs/"):
        return ((ref, None),)
    return ((f"refs/heads/{ref}", ref), (f"refs/tags/{ref}", None))


def _kept(source: str) -> str:
    # Not by its own name: a branch `a` that became `a/b` could not be stored beside its past.
    return f"refs/kept/{hashlib.sha256(source.encode()).hexdigest()[:24]}"


def _commit_of(fields: list[bytes]) -> Commit:
    encoding, identity, time_of, author, subject, _ = fields
    return Commit(
        identity.decode(),
        _text(author, encoding),
        _text(subject, encoding).strip(),
        int(time_of),
    )


def _text(whole: bytes, declared: bytes) -> str:
    """Return what git was asked for in UTF-8.

    It gives the bytes of a commit as they are where not all of them fit the declared encoding; and
    where none is declared, which may be a GBK editor's doing.
    """
    # A commit may name any codec that Python has: some need the square of the length.
    raw = whole[:_LONGEST_TEXT]
    # The cut may have gone through a character, of four bytes at most.
    cuts = range(4 if len(whole) > len(raw) else 1)
    # Between two commits git writes a newline, which lands in the declaration.
    for encoding in ("utf-8", declared.decode(errors="replace").strip(), "gb18030"):
        for cut in cuts:
            with suppress(LookupError, UnicodeError):
                return raw[: len(raw) - cut].decode(encoding)
    return raw.decode(errors="replace")


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
