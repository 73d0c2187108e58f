"""Known failures in git's output, each tested with a real sample."""

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.source.repository import host_of


def failure_in(lines: Sequence[str], repository: str) -> StageFailed:
    """Return the failure that git's output describes; otherwise GIT_FAILED with the last error."""
    text = "\n".join(lines)
    for failure in _FAILURES:
        if match := failure.search(text):
            return _failed(failure.problem, match, repository)
    return StageFailed(Problem.GIT_FAILED, repository=repository, detail=_last_error(lines))


@contextmanager
def disk_full_raised() -> Iterator[None]:
    """Raise StageFailed(DISK_FULL) for an OSError ENOSPC or EDQUOT in the block."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise StageFailed(Problem.DISK_FULL) from error


@dataclass(frozen=True)
class _Failure:
    problem: Problem
    patterns: tuple[str, ...]

    def search(self, text: str) -> re.Match[str] | None:
        return re.search("|".join(self.patterns), text, re.IGNORECASE | re.MULTILINE)


# The first match wins.
_FAILURES = (
    _Failure(
        Problem.DISK_FULL,
        (
            r"no space left on device",
            r"disk quota exceeded",
            # read-tree gives no reason if the file could be created, but not written.
            r"^error: unable to write file ",
        ),
    ),
    _Failure(
        Problem.GIT_REF_NOT_FOUND,
        (
            r"couldn't find remote ref (\S+)",
            r"not our ref ([0-9a-f]+)",
            r"does not allow request for unadvertised object ([0-9a-f]+)",
        ),
    ),
    _Failure(Problem.GIT_PROTOCOL_REFUSED, (r"^fatal: transport '\S+' not allowed",)),
    _Failure(
        Problem.GIT_HOST_UNREACHABLE,
        (
            r"could not resolve (?:host|proxy)",
            r"name or service not known",
            r"temporary failure in name resolution",
            r"connection refused",
            r"timed out",
            r"timeout was reached",
            r"operation too slow",
            r"timeout, server \S+ not responding",
            r"no route to host",
            r"network is unreachable",
            r"failed to connect to",
            r"connection reset by peer",
            r"empty reply from server",
            r"connection closed by (?:remote host|\S+ port)",
            r"from proxy after connect",
            r"connect tunnel failed",
        ),
    ),
    _Failure(
        Problem.GIT_CERTIFICATE_REFUSED,
        (
            r"(SSL certificate problem: [^\n]+)",
            r"(server certificate verification failed)",
            r"(SSL: no alternative certificate subject name matches target [^\n]+)",
        ),
    ),
    _Failure(
        Problem.GIT_LOGIN_REFUSED,
        (
            r"authentication failed for",
            r"could not read (?:username|password) for",
            r"requested url returned error: 40[13]",
            r"access denied",
            r"permission denied \(",
            r"permission to \S+ denied",
        ),
    ),
    _Failure(
        Problem.GIT_NOT_A_REPOSITORY,
        (
            r"does not appear to be a git repository",
            r"repository '.*' not found",
            r"repository not found",
            r"is this a git repository\?",
            r"could not be found or you don't have permission",
        ),
    ),
)
# git adds these lines to every failure of ssh and of a local path.
_NOISE = re.compile(
    r"could not read from remote repository|correct access rights|^and the repository exists"
    r"|the remote end hung up|^\s*$",
    re.IGNORECASE,
)


def _failed(problem: Problem, match: re.Match[str], repository: str) -> StageFailed:
    if problem is Problem.DISK_FULL:
        return StageFailed(problem)
    if problem is Problem.GIT_HOST_UNREACHABLE:
        return StageFailed(problem, repository=repository, host=host_of(repository))
    if problem is Problem.GIT_CERTIFICATE_REFUSED:
        detail = next(group for group in match.groups() if group).rstrip(".")
        return StageFailed(problem, repository=repository, host=host_of(repository), detail=detail)
    if problem is Problem.GIT_REF_NOT_FOUND:
        ref = next(group for group in match.groups() if group)
        return StageFailed(problem, repository=repository, ref=ref)
    return StageFailed(problem, repository=repository)


def _last_error(lines: Sequence[str]) -> str:
    relevant = [line.strip() for line in lines if not _NOISE.search(line)]
    errors = [
        line for line in relevant if re.match(r"(fatal|error|remote: error)\b", line, re.IGNORECASE)
    ]
    return next(iter([*reversed(errors), *reversed(relevant)]), "")
