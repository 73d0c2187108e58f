"""Walk the four stages of one release."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mprelease.domain.errors import LeaseLost, ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem, Trouble
from mprelease.domain.releases import Stage, StageState, State
from mprelease.pipeline.build import build
from mprelease.pipeline.checkout import checkout
from mprelease.pipeline.install import install
from mprelease.pipeline.publish import account_of, link_of, publish
from mprelease.pipeline.run import Run

_log = logging.getLogger(__name__)

STAGES: Mapping[Stage, Callable[[Run], bool]] = {
    Stage.CHECKOUT: checkout,
    Stage.INSTALL: install,
    Stage.BUILD: build,
    Stage.PUBLISH: publish,
}


@dataclass(frozen=True)
class Ending:
    """How a run ended, and if it failed, in which stage and why."""

    state: State
    error: Trouble | None = None
    failed_stage: Stage | None = None


class CredentialRefused(StageFailed):
    """The platform refused the credential while other stages were still at work."""


def run_stages(run: Run) -> Ending:
    """Run the stages until the end or the first failure.

    Raise LeaseLost when the release is no longer ours; whatever else goes wrong is an ending.
    """
    with _checking_credential(run):
        for stage, work in STAGES.items():
            run.recorder.started(stage)
            try:
                cached = work(run)
                run.stop.raise_if_asked()
            except CredentialRefused as failure:
                run.recorder.ended(stage, StageState.CANCELED)
                return Ending(State.FAILED, failure.trouble, Stage.PUBLISH)
            except StageFailed as failure:
                run.recorder.ended(stage, StageState.FAILED)
                return Ending(State.FAILED, failure.trouble, stage)
            except ReleaseCanceled:
                run.recorder.ended(stage, StageState.CANCELED)
                return Ending(State.CANCELED)
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001 whatever it is, it is this release's alone
                _log.exception("release %s, %s", run.job.release.id, stage)
                if run.is_published:
                    # The platform has said yes: whatever broke after that is not its failure.
                    return Ending(State.SUCCEEDED)
                run.recorder.ended(stage, StageState.FAILED)
                return Ending(
                    State.FAILED, Trouble(Problem.INTERNAL, {"detail": repr(error)}), stage
                )
            run.recorder.ended(stage, StageState.SUCCEEDED, cached=cached)
    return Ending(State.SUCCEEDED)


@contextmanager
def _checking_credential(run: Run) -> Iterator[None]:
    """Ask the platform at once, beside the first stages, so that a wrong key costs a second."""
    thread = threading.Thread(target=_check_credential, args=(run,), name="credential check")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _check_credential(run: Run) -> None:
    try:
        run.driver.check(account_of(run), link_of(run))
    except StageFailed as failure:
        if failure.trouble.problem is Problem.PLATFORM_UNREACHABLE:
            # The network may be back when the build is done; publishing will tell.
            run.say(f"credential check: {failure.trouble.parameters.get('detail', '')}")
            return
        run.stop.ask(CredentialRefused(failure.trouble.problem, **failure.trouble.parameters))
