"""Check the credential concurrently with the first stages, so that a wrong one fails early."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mprelease.domain.errors import ProblemError, StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind
from mprelease.domain.versions import following, is_greater
from mprelease.pipeline.publish import account_of, route_of
from mprelease.pipeline.run import Run

# Permanent problems. Any other may be over when the build is done, and is left to publishing.
_FINAL = {
    Problem.IP_NOT_LISTED,
    Problem.KEY_REFUSED,
    Problem.KEY_UNREADABLE,
    Problem.KEY_SHAPE,
    Problem.TOKEN_REFUSED,
    Problem.LOGIN_REFUSED,
    Problem.PLATFORM_APP_ID_UNKNOWN,
    Problem.VERSION_NOT_GREATER,
}


class CredentialRefused(StageFailed):
    """The platform refused the credential while earlier stages were running."""


@contextmanager
def checking_credential(run: Run) -> Iterator[None]:
    """Check during the block, in a thread; a refusal stops the run, if nothing was sent yet."""
    run.is_being_checked = True
    thread = threading.Thread(target=_check, args=(run,), name="credential check")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def refuse_without_platform(run: Run) -> None:
    """Raise CredentialRefused if the platform is unreachable; called before a long install.

    Wait for the check's result, if there is a check, for at most 15 s.
    """
    if _is_answered(run) and run.unreachable:
        raise CredentialRefused(run.unreachable.problem, **run.unreachable.parameters)


def take_version(run: Run) -> None:
    """Use the version after the platform's newest one, unless a user has chosen one.

    Called before the build, which may use the version. Wait for the check's result as in
    `refuse_without_platform`.
    """
    release = run.job.release
    if release.kind is not Kind.UPLOAD or not run.driver.wants_greater_versions or run.is_numbered:
        return
    run.is_numbered = True
    if _is_answered(run) and run.version and run.version != release.version:
        run.recorder.numbered(run.version)
        run.note("log.version_taken", version=run.version, given=release.version or "")


def _is_answered(run: Run) -> bool:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while run.is_being_checked and not run.is_checked.wait(_POLL_SECONDS):
        run.stop.raise_if_asked()
        if time.monotonic() > deadline:
            return False
    return True


_TIMEOUT_SECONDS = 15.0
_POLL_SECONDS = 0.1


def _check(run: Run) -> None:
    try:
        _check_with_retry(run)
    except ProblemError as failure:
        problem_detail = failure.problem_detail
        if problem_detail.problem in _FINAL:
            run.stop.ask(CredentialRefused(problem_detail.problem, **problem_detail.parameters))
        else:
            run.note("log.credential_check", detail=run.machine.words.of(problem_detail.message))
            is_silent = problem_detail.problem is Problem.PLATFORM_UNREACHABLE
            run.unreachable = problem_detail if is_silent else None
    finally:
        run.is_checked.set()


def _check_with_retry(run: Run) -> None:
    """Check the account, once again if the platform did not answer, and then the version."""
    try:
        run.driver.check(account_of(run), route_of(run))
    except ProblemError as failure:
        if failure.problem_detail.problem is not Problem.PLATFORM_UNREACHABLE or run.stop.reason:
            raise
        run.driver.check(account_of(run), route_of(run))
    _compare_versions(run)


def _compare_versions(run: Run) -> None:
    """Raise StageFailed(VERSION_NOT_GREATER) for a version that the platform would refuse.

    A version that no user has chosen is replaced by the one after the platform's newest.
    """
    release = run.job.release
    version = release.version
    if release.kind is not Kind.UPLOAD or version is None:
        return
    last = run.driver.last_version(account_of(run), route_of(run))
    if last is None or is_greater(version, last):
        return
    if release.version_is_automatic:
        run.version = following(last)
    else:
        raise StageFailed(Problem.VERSION_NOT_GREATER, version=version, last=last)
