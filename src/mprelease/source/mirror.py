"""Mirrors: one bare clone per repository, updated one ref at a time."""

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Commit
from mprelease.process.removal import remove
from mprelease.source.access import opened
from mprelease.source.git import Git
from mprelease.source.git_errors import disk_full_raised
from mprelease.source.local_paths import lies_in
from mprelease.source.repository import Repository, check_ref, host_of, is_local


@dataclass(frozen=True)
class ResolvedRef:
    """The commit that a ref resolved to when it was fetched; `branch` is set if it was a branch.

    `tree_id` is the id of the commit's tree object.
    """

    commit: Commit
    branch: str | None
    tree_id: str


class Mirror:
    """The bare clone of one repository; its URL and credentials are not stored in it."""

    def __init__(self, git: Git, repository: Repository) -> None:
        self._git = git
        self._repository = repository
        self.path = git.mirrors / mirror_name(repository.url)

    @property
    def address(self) -> str:
        """Return the URL of the repository."""
        return self._repository.url

    def fetch(self, ref: str) -> ResolvedRef:
        """Fetch a branch, a tag or a commit with its whole history.

        A name is looked up as a branch, then as a tag; `refs/heads/…` and `refs/tags/…` are
        unambiguous. A full commit id that is in the mirror needs no network. An abbreviated id of
        at least 7 digits is looked up as a name first, then in all refs of the host, because its
        meaning depends on them. Raise StageFailed, with GIT_REF_NOT_FOUND if there is no such ref,
        and Refused(REF_SHAPE).
        """
        check_ref(ref)
        self._refuse_own_data()
        if _FULL_ID.fullmatch(ref) and self._is_verified() and (known := self._known(ref)):
            self._note_use()
            return known
        with disk_full_raised(), self.locked(), self._opened() as environment:
            self._make()
            self._verify_access(environment)
            fetched = self._by_name(ref, environment) or self._by_id(ref, environment)
        if fetched is None:
            raise StageFailed(Problem.GIT_REF_NOT_FOUND, ref=ref, repository=self._repository.url)
        return fetched

    def ls_remote(self, *arguments: str) -> None:
        """Run `git ls-remote`, whose lines go to the listener of `git`; raise StageFailed."""
        self._refuse_own_data()
        with disk_full_raised(), self.locked(), self._opened() as environment:
            self._make()
            url = self._repository.url
            self._run(self.path, "ls-remote", *arguments, "--", url, environment=environment)

    def fetch_large_files(self, commit: str) -> None:
        """Fetch the Git LFS objects of a commit; raise StageFailed.

        They come from the repository's host only: git-lfs would read another URL from `.lfsconfig`
        in HEAD, which does not exist in a mirror.
        """
        # git-lfs accepts no URL on its command line.
        origin = ("-c", f"remote.origin.url={self._repository.url}")
        with disk_full_raised(), self.locked(), self._opened() as environment:
            fetch = ("lfs", "fetch", "origin", commit)
            self._run(self.path, *origin, *fetch, environment=environment)

    def newest(self, ref: str, count: int) -> tuple[Commit, ...]:
        """Fetch a ref and return its newest commits, the newest first; raise StageFailed."""
        commit = self.fetch(ref).commit.id
        return self._log(f"-{count}", commit)

    def stored(self, commits: Iterable[str]) -> tuple[Commit, ...]:
        """Return those of these commits that the mirror has, without the network."""
        return self._log("--no-walk=unsorted", "--ignore-missing", *commits)

    def _log(self, *arguments: str) -> tuple[Commit, ...]:
        answer = self.output("log", "--encoding=UTF-8", _FORMAT, *arguments, "--")
        fields = answer.split(b"\0")[:-1]
        each = range(0, len(fields), _FIELDS)
        return tuple(_commit_of(fields[start : start + _FIELDS]) for start in each)

    def output(self, *arguments: str) -> bytes:
        """Return the standard output of a git command that reads the mirror; raise StageFailed."""
        return self._git.output(self.path, *arguments, repository=self._repository.url)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the mirror against other threads and processes during the block.

        Raise the reason of a stop while waiting, and StageFailed(TIME_LIMIT).
        """
        self._git.mirrors.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            while not _is_locked(lock.fileno()):
                self._git.raise_if_over()
                time.sleep(_BETWEEN_TRIES)
            self._note_use()
            yield

    def note_parent(self, parent: "Mirror") -> None:
        """Record that this is the mirror of a submodule: it is needed as long as its parent."""
        name, file = parent.path.name, self.path / PARENTS
        if name not in parents_of(self.path):
            with file.open("a", encoding="utf-8") as parents:
                parents.write(f"{name}\n")

    def _note_use(self) -> None:
        with suppress(FileNotFoundError):
            os.utime(self.path)

    def _opened(self) -> AbstractContextManager[Mapping[str, str]]:
        folder = self.path.with_suffix(".access")
        return opened(self._repository.access, self._repository.url, folder)

    def _refuse_own_data(self) -> None:
        """Raise StageFailed for a path in the data folder, which holds other projects' mirrors."""
        url = self._repository.url
        if is_local(url) and lies_in(url, self._git.mirrors.parent):
            raise StageFailed(Problem.REPOSITORY_IN_DATA_FOLDER, repository=url)

    def _is_verified(self) -> bool:
        """Return whether the host has accepted these credentials before.

        Required before anything is read from a mirror, which other projects may have filled.
        """
        return self._verified.exists() and self._digest() in self._verified.read_text().splitlines()

    def _verify_access(self, environment: Mapping[str, str]) -> None:
        """Verify the credentials with the host; git does not contact it for existing objects.

        Also ends what would wait for ever: for git:// git has no timeouts of its own.
        """
        url = self._repository.url
        is_verified = self._is_verified()
        if not is_verified or url.startswith("git://"):
            silent = self._git.with_listener(lambda _: None)
            silent.run(
                self.path,
                *("ls-remote", "--", url, "HEAD"),
                environment=environment,
                repository=url,
                answer_seconds=_ANSWER_SECONDS if host_of(url) else None,
            )
        if not is_verified:
            with self._verified.open("a") as verified:
                verified.write(f"{self._digest()}\n")

    @property
    def _verified(self) -> Path:
        return self.path / "proofs"

    def _digest(self) -> str:
        """Return a digest of the credentials, from which they cannot be recovered."""
        access = self._repository.access
        kind = () if access.has_machine_login else ("stranger",)
        secrets = "\0".join((*access.secrets, *kind))
        salt = self.path.name.encode()
        return hashlib.scrypt(secrets.encode(), salt=salt, n=2**10, r=8, p=1, dklen=16).hex()

    def _make(self) -> None:
        if self.path.exists():
            self._remove_stale_files()
            return
        half = self.path.with_suffix(".new")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        self._run(half, "init", "--quiet", "--bare", "--template=", environment={})
        half.rename(self.path)

    def _remove_stale_files(self) -> None:
        # The mirror is locked, so git's lock files and partial packs are of killed processes.
        partial = (*self.path.glob("objects/pack/tmp_*"), *self.path.glob("lfs/tmp/*"))
        for stale in (*self.path.rglob("*.lock"), *partial):
            remove(stale)

    def _known(self, ref: str) -> ResolvedRef | None:
        if not _ID.fullmatch(ref) or not self.path.exists():
            return None
        resolved = self._resolved(ref, branch=None)
        # git may have resolved a tag of that name instead of the commit.
        return resolved if resolved and resolved.commit.id.startswith(ref.lower()) else None

    def _by_name(self, ref: str, environment: Mapping[str, str]) -> ResolvedRef | None:
        if _FULL_ID.fullmatch(ref):
            return None
        for source, branch in _candidates(ref):
            kept = _kept(source)
            if self._fetch(environment, f"+{source}:{kept}") and (
                resolved := self._resolved(kept, branch)
            ):
                return resolved
        return None

    def _by_id(self, ref: str, environment: Mapping[str, str]) -> ResolvedRef | None:
        if not _ID.fullmatch(ref):
            return None
        # Some hosts serve only commits that a ref points to; then all refs are fetched.
        if _FULL_ID.fullmatch(ref) and self._fetch(environment, f"+{ref}:{_kept(ref)}"):
            return self._known(ref)
        self._fetch(environment, *_ALL_REFS)
        return self._known(ref)

    def _fetch(self, environment: Mapping[str, str], *refs: str) -> bool:
        try:
            self._run(self.path, *_FETCH, self._repository.url, *refs, environment=environment)
        except StageFailed as failure:
            if failure.problem_detail.problem is Problem.GIT_REF_NOT_FOUND:
                return False
            raise
        return True

    def _resolved(self, revision: str, branch: str | None) -> ResolvedRef | None:
        try:
            answer = self.output("log", "-1", "--encoding=UTF-8", _FORMAT, revision, "--")
        except StageFailed:
            return None
        fields = answer.split(b"\0")[:_FIELDS]
        return ResolvedRef(_commit_of(fields), branch, fields[-1].decode())

    def _run(self, folder: Path, *arguments: str, environment: Mapping[str, str]) -> None:
        repository = self._repository.url
        try:
            self._git.run(folder, *arguments, environment=environment, repository=repository)
        except BaseException:
            # Partial files would stay forever if this repository is never fetched again.
            self._remove_stale_files()
            raise


def mirror_name(url: str) -> str:
    """Return the name of the folder of a repository's mirror."""
    return f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.git"


def parents_of(mirror: Path) -> list[str]:
    """Return the names of the mirrors of which a mirror is a submodule's."""
    file = mirror / PARENTS
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


def needed_mirrors(mirrors: Path, urls: Iterable[str]) -> set[str]:
    """Return the names of the mirrors of repositories, and of their submodules at any depth."""
    children: dict[str, list[str]] = {}
    for mirror in mirrors.glob("*.git"):
        for parent in parents_of(mirror):
            children.setdefault(parent, []).append(mirror.name)
    needed, ahead = set[str](), [mirror_name(url) for url in urls]
    while ahead:
        name = ahead.pop()
        if name not in needed:
            needed.add(name)
            ahead.extend(children.get(name, []))
    return needed


PARENTS = "parents"
_ID = re.compile(r"[0-9a-fA-F]{7,64}")
_FULL_ID = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_FIELDS = 6
_LONGEST_TEXT = 2000  # bytes of an author or subject
_FORMAT = "--format=%e%x00%H%x00%ct%x00%an%x00%s%x00%T%x00"
# A host that has not answered by then counts as silent; see also `gitconfig` and `access`.
_ANSWER_SECONDS = 30.0
_FETCH = (
    "fetch",
    "--progress",
    "--update-shallow",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
    "--prune",
    "--",
)
_ALL_REFS = ("+refs/heads/*:refs/all/*", "+refs/tags/*:refs/tags/*")
_BETWEEN_TRIES = 0.05  # seconds


def _candidates(ref: str) -> tuple[tuple[str, str | None], ...]:
    if ref.startswith("refs/heads/"):
        return ((ref, ref.removeprefix("refs/heads/")),)
    if ref.startswith("refs/"):
        return ((ref, None),)
    return ((f"refs/heads/{ref}", ref), (f"refs/tags/{ref}", None))


def _kept(source: str) -> str:
    # Not by the ref's name: git cannot store a branch `a` beside a later branch `a/b`.
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
    """Decode a text of `git log --encoding=UTF-8`.

    git does not convert a commit with bytes that are invalid in its declared encoding, nor one
    without a declaration, whose text may be in GBK.
    """
    # A commit can declare any of Python's codecs, and some take quadratic time.
    raw = whole[:_LONGEST_TEXT]
    # The truncation may have split a character, of up to four bytes.
    cuts = range(4 if len(whole) > len(raw) else 1)
    # git writes a newline between two commits, which becomes a part of the declaration.
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
