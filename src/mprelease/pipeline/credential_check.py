"""Ask the platform at once, beside the first stages, so that a wrong key costs a second."""

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

# What time does not heal. Anything else may have passed when the build is done: publishing tells.
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
    """The platform refused the credential while other stages were still at work."""


@contextmanager
def checking_credential(run: Run) -> Iterator[None]:
    """Check during the block; a refusal asks for the run's stop, as long as nothing is sent."""
    run.is_being_checked = True
    thread = threading.Thread(target=_check, args=(run,), name="credential check")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def refuse_without_platform(run: Run) -> None:
    """Raise CredentialRefused before what takes minutes, where the platform cannot be reached.

    Waits for the answer of the check, if there is one, at most a few seconds.
    """
    if _is_answered(run) and run.unreachable:
        raise CredentialRefused(run.unreachable.problem, **run.unreachable.parameters)


def take_version(run: Run) -> None:
    """Take the number after the platform's newest version, where nobody has chosen one.

    To be called before the build, which may write the version into what it makes. Waits for the
    answer of the platform as `refuse_without_platform` does.
    """
    release = run.job.release
    if release.kind is not Kind.UPLOAD or not run.driver.wants_greater_versions:
        return
    if _is_answered(run) and run.version and run.version != release.version:
        run.recorder.numbered(run.version)
        run.note("log.version_taken", version=run.version, given=release.version or "")


def _is_answered(run: Run) -> bool:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while run.is_being_checked and not run.is_checked.wait(_LOOK_SECONDS):
        run.stop.raise_if_asked()
        if time.monotonic() > deadline:
            return False
    return True


_TIMEOUT_SECONDS = 15.0
_LOOK_SECONDS = 0.1


def _check(run: Run) -> None:
    try:
        _ask_twice(run)
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


def _ask_twice(run: Run) -> None:
    """Ask the platform, and once more where it did not answer: a slip of the network passes."""
    try:
        run.driver.check(account_of(run), route_of(run))
    except ProblemError as failure:
        if failure.problem_detail.problem is not Problem.PLATFORM_UNREACHABLE or run.stop.reason:
            raise
        run.driver.check(account_of(run), route_of(run))
    _compare_versions(run)


def _compare_versions(run: Run) -> None:
    """Refuse an upload that the platform would refuse after all that comes before it.

    A version that nobody has chosen becomes the one after the platform's newest.
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
