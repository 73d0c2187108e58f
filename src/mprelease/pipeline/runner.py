"""Run the four stages of one release."""

import errno
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from mprelease.domain.errors import LeaseLost, ProblemError, ReleaseCanceled
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import Stage, StageState, State
from mprelease.pipeline import build_reuse
from mprelease.pipeline.build import build
from mprelease.pipeline.checkout import fetch_ref, git_of, place_commit
from mprelease.pipeline.credential_check import (
    CredentialRefused,
    checking_credential,
    take_version,
)
from mprelease.pipeline.install import install
from mprelease.pipeline.publish import publish, standing_by
from mprelease.pipeline.run import Run
from mprelease.process.copying import CopyTooLarge
from mprelease.process.supervisor_protocol import MEBI

_log = logging.getLogger(__name__)

Stages = Mapping[Stage, Callable[[Run], bool]]


def checkout(run: Run) -> bool:
    """Fetch the commit, and check it out unless its build is there; return whether it is."""
    git = git_of(run)
    fetched = fetch_ref(run, git)
    is_there = build_reuse.find(run)
    if not is_there:
        place_commit(run, git, fetched)
    return is_there


def needed_install(run: Run) -> bool:
    """Install the dependencies, unless a build is there; return whether nothing was installed."""
    return run.is_built_before or install(run)


def numbered_build(run: Run) -> bool:
    """Determine the release's version, then build: a build may use it."""
    take_version(run)
    return build(run)


STAGES: Stages = {
    Stage.CHECKOUT: checkout,
    Stage.INSTALL: needed_install,
    Stage.BUILD: numbered_build,
    Stage.PUBLISH: publish,
}


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and if it failed, in which stage and why."""

    state: State
    error: ProblemDetail | None = None
    failed_stage: Stage | None = None
    warning: Message | None = None


Beside = Callable[[Run], AbstractContextManager[None]]


@contextmanager
def loading_and_checking(run: Run) -> Iterator[None]:
    """Load the vendor's tool and check the credential during the block."""
    with standing_by(run), checking_credential(run):
        yield


def run_stages(run: Run, stages: Stages = STAGES, beside: Beside = loading_and_checking) -> Outcome:
    """Run the stages until the end or the first failure, within the context of `beside`.

    The caller closes `run.resources` when it has recorded the outcome. Raise LeaseLost if the
    worker has lost the release; any other error becomes the outcome. After the platform has
    accepted the release, errors only add a warning.
    """
    try:
        with beside(run):
            return _walk(run, stages)
    except LeaseLost:
        raise
    except Exception as error:  # noqa: BLE001 it concerns this release only
        _log.exception("release %s", run.job.release.id)
        if not run.is_published:
            return Outcome(State.FAILED, problem_detail_of(error))
        warning = Message("warning.record_incomplete", {"detail": repr(error)})
        return Outcome(State.SUCCEEDED, warning=warning)


def problem_detail_of(error: Exception) -> ProblemDetail:
    """Return the problem of an error: its own, or one for a system error, else INTERNAL."""
    if isinstance(error, ProblemError):
        return error.problem_detail
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ProblemDetail(Problem.DISK_FULL)
    if isinstance(error, CopyTooLarge):
        return ProblemDetail(Problem.DISK_LIMIT, {"mebibytes": error.most // MEBI})
    # Folders are walked recursively.
    if isinstance(error, RecursionError) or _is_too_deep(error):
        return ProblemDetail(Problem.FOLDERS_TOO_DEEP)
    return ProblemDetail(Problem.INTERNAL, {"detail": repr(error)})


def _is_too_deep(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG


def _walk(run: Run, stages: Stages) -> Outcome:
    for stage, work in stages.items():
        run.recorder.started(stage)
        try:
            cached = work(run)
            if not run.is_published:
                run.stop.raise_if_asked()
        except LeaseLost:
            raise
        except Exception as error:
            if run.is_published:
                raise
            return _ended_early(run, stage, error)
        run.recorder.ended(stage, StageState.SUCCEEDED, cached=cached)
    return Outcome(State.SUCCEEDED)


def _ended_early(run: Run, stage: Stage, error: Exception) -> Outcome:
    if isinstance(error, ReleaseCanceled):
        run.recorder.ended(stage, StageState.CANCELED)
        return Outcome(State.CANCELED)
    if isinstance(error, CredentialRefused):
        run.recorder.ended(stage, StageState.CANCELED)
        return Outcome(State.FAILED, error.problem_detail, Stage.PUBLISH)
    problem_detail = problem_detail_of(error)
    if problem_detail.problem is Problem.INTERNAL:
        _log.error("release %s, %s", run.job.release.id, stage, exc_info=error)
    run.recorder.ended(stage, StageState.FAILED)
    return Outcome(State.FAILED, problem_detail, stage)
