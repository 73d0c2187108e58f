"""The walk through the stages: every ending is told as what it is."""

import errno
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from mprelease.domain.errors import LeaseLost, ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, Stage, StageState, State
from mprelease.i18n import Language, Translator
from mprelease.pipeline.credential_check import (
    checking_credential,
    refuse_without_platform,
    take_version,
)
from mprelease.pipeline.runner import Outcome, run_stages
from mprelease.platforms.driver import Route
from mprelease.process.tree import Stop

Work = Callable[[Any], bool]


class MemoryRecorder:
    """A recorder that remembers how each stage ended."""

    def __init__(self) -> None:
        self.ends: dict[Stage, StageState] = {}
        self.lines: list[str] = []
        self.fails_at: Stage | None = None
        self.versions: list[str] = []

    def numbered(self, version: str) -> None:
        self.versions.append(version)

    def started(self, stage: Stage) -> None:
        pass

    def ended(self, stage: Stage, state: StageState, *, cached: bool = False) -> None:
        if stage is self.fails_at:
            raise OSError(errno.EIO, "the database is away")
        self.ends[stage] = state


class Platform:
    """A platform that answers the credential check as it is told to."""

    wants_greater_versions = True

    def __init__(self) -> None:
        self.refusal: StageFailed | None = None
        self.last: str | None = None
        self.requested, self.refusals = 0, 9
        self.may_answer = threading.Event()
        self.may_answer.set()

    def check(self, _account: object, _link: object) -> None:
        self.may_answer.wait(10)
        self.requested += 1
        if self.refusal and self.requested <= self.refusals:
            raise self.refusal

    def last_version(self, _account: object, _link: object) -> str | None:
        return self.last


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def recorder() -> MemoryRecorder:
    return MemoryRecorder()


@pytest.fixture
def run(platform: Platform, recorder: MemoryRecorder) -> Any:
    app = SimpleNamespace(platform_app_id="wx0123456789abcdef", proxy=None)
    release = SimpleNamespace(
        id=1, kind=Kind.UPLOAD, version="26.1122.1", version_is_automatic=False
    )
    words = Translator(Language.CHINESE)
    return SimpleNamespace(
        job=SimpleNamespace(app=app, credential="key", release=release),
        machine=SimpleNamespace(route=Route(), words=words),
        driver=platform,
        recorder=recorder,
        stop=Stop(),
        note=lambda name, **gaps: recorder.lines.append(words(name, **gaps)),
        is_published=False,
        version=None,
        is_numbered=False,
        is_being_checked=False,
        is_checked=threading.Event(),
        unreachable=None,
        resources=ExitStack(),
    )


def walked(run: Any, **works: Work) -> Outcome:
    """Run four stages that do nothing but what is given."""

    def nothing(_run: Any) -> bool:
        return False

    stages = {stage: works.get(stage, nothing) for stage in Stage}
    return run_stages(run, stages, checking_credential)


def raising(error: Exception) -> Work:
    def work(_run: Any) -> bool:
        raise error

    return work


def published(run: Any) -> bool:
    run.is_published = True
    return False


def test_four_stages_that_go_well_are_a_success(run: Any, recorder: MemoryRecorder) -> None:
    assert walked(run, publish=published) == Outcome(State.SUCCEEDED)
    assert set(recorder.ends.values()) == {StageState.SUCCEEDED}


def test_a_failed_stage_ends_the_walk(run: Any, recorder: MemoryRecorder) -> None:
    failure = StageFailed(Problem.BUILD_FAILED, code=1)
    ending = walked(run, build=raising(failure))
    assert ending == Outcome(State.FAILED, failure.problem_detail, Stage.BUILD)
    assert recorder.ends[Stage.BUILD] is StageState.FAILED
    assert Stage.PUBLISH not in recorder.ends


def test_a_cancel_is_no_failure(run: Any, recorder: MemoryRecorder) -> None:
    assert walked(run, install=raising(ReleaseCanceled())) == Outcome(State.CANCELED)
    assert recorder.ends[Stage.INSTALL] is StageState.CANCELED


def test_a_lost_lease_is_nobodys_ending(run: Any) -> None:
    with pytest.raises(LeaseLost):
        walked(run, build=raising(LeaseLost()))


def test_a_refused_credential_ends_a_stage_that_is_at_work(
    run: Any, platform: Platform, recorder: MemoryRecorder
) -> None:
    platform.refusal = StageFailed(Problem.KEY_REFUSED, app_id="wx0123456789abcdef")

    def until_stopped(given: Any) -> bool:
        requested = threading.Event()
        given.stop.on_ask(requested.set)
        assert requested.wait(10)
        given.stop.raise_if_asked()
        return False

    ending = walked(run, checkout=until_stopped)
    assert (ending.state, ending.failed_stage) == (State.FAILED, Stage.PUBLISH)
    assert ending.error
    assert ending.error.problem is Problem.KEY_REFUSED
    assert recorder.ends == {Stage.CHECKOUT: StageState.CANCELED}


def test_a_platform_that_is_busy_for_a_moment_stops_nothing(
    run: Any, platform: Platform, recorder: MemoryRecorder
) -> None:
    platform.refusal = StageFailed(Problem.PLATFORM_REFUSED, code=-1, detail="system busy")

    def after_the_check(given: Any) -> bool:
        assert given.is_checked.wait(10)
        return False

    assert walked(run, checkout=after_the_check).state is State.SUCCEEDED
    assert recorder.lines == ["密钥检查没有结果：平台拒绝了请求：system busy（代码 -1）。"]


def test_a_refusal_that_comes_after_the_platform_said_yes_changes_nothing(
    run: Any, platform: Platform
) -> None:
    platform.refusal = StageFailed(Problem.KEY_REFUSED, app_id="wx0123456789abcdef")
    platform.may_answer.clear()

    def published_meanwhile(given: Any) -> bool:
        given.is_published = True
        platform.may_answer.set()
        assert given.is_checked.wait(10)
        return False

    assert walked(run, publish=published_meanwhile).state is State.SUCCEEDED


def test_what_breaks_after_the_platform_said_yes_is_a_warning_and_no_failure(
    run: Any, recorder: MemoryRecorder
) -> None:
    recorder.fails_at = Stage.PUBLISH
    ending = walked(run, publish=published)
    assert ending.state is State.SUCCEEDED
    assert ending.warning


def test_a_full_disk_is_told_wherever_it_is_met(run: Any) -> None:
    ending = walked(run, install=raising(OSError(errno.ENOSPC, "No space left on device")))
    assert ending.error
    assert ending.error.problem is Problem.DISK_FULL


def test_an_error_of_our_own_is_told_as_ours(run: Any) -> None:
    ending = walked(run, build=raising(ValueError("odd")))
    assert ending.error
    assert ending.error.problem is Problem.INTERNAL
    assert ending.failed_stage is Stage.BUILD


@pytest.mark.parametrize(
    ("kind", "last", "state"),
    [
        (Kind.UPLOAD, "26.1122.1", State.FAILED),
        (Kind.UPLOAD, "26.1122.0", State.SUCCEEDED),
        (Kind.UPLOAD, None, State.SUCCEEDED),
        (Kind.PREVIEW, "26.1122.1", State.SUCCEEDED),
    ],
)
def test_a_version_that_the_platform_has_already_is_refused_before_the_build(
    run: Any, platform: Platform, kind: Kind, last: str | None, state: State
) -> None:
    platform.last, run.job.release.kind = last, kind
    built: list[bool] = []

    def build(_run: Any) -> bool:
        run.is_checked.wait(10)
        run.stop.raise_if_asked()
        built.append(True)
        return False

    ending = walked(run, build=build, publish=published)
    assert ending.state is state
    assert bool(built) is (state is State.SUCCEEDED)
    if ending.error:
        assert ending.error.problem is Problem.VERSION_NOT_GREATER


def installing(run: Any) -> bool:
    refuse_without_platform(run)
    run.has_installed = True
    return False


def test_an_install_does_not_begin_for_a_platform_that_cannot_be_reached(
    run: Any, platform: Platform, recorder: MemoryRecorder
) -> None:
    """Issue 12, number 31."""
    platform.refusal = StageFailed(Problem.PLATFORM_UNREACHABLE, detail="refused")
    ending = walked(run, install=installing)
    assert ending == Outcome(State.FAILED, platform.refusal.problem_detail, Stage.PUBLISH)
    assert recorder.ends[Stage.INSTALL] is StageState.CANCELED
    assert not hasattr(run, "has_installed")


def test_a_platform_that_is_silent_once_keeps_nobody(run: Any, platform: Platform) -> None:
    """Issue 12, number 31."""
    platform.refusal, platform.refusals = StageFailed(Problem.PLATFORM_UNREACHABLE), 1
    assert walked(run, install=installing, publish=published) == Outcome(State.SUCCEEDED)
    assert run.has_installed


@pytest.mark.parametrize("last", ["26.1122.1", "26.1122.8", "99.1.7"])
def test_an_automatic_version_goes_on_from_the_newest_of_the_platform(
    run: Any, platform: Platform, recorder: MemoryRecorder, last: str
) -> None:
    """Issue 12, number 22: the release takes it by itself, before anything is built with it."""
    platform.last, run.job.release.version_is_automatic = last, True
    platform.may_answer.clear()
    built: list[str] = []

    def build(run: Any) -> bool:
        platform.may_answer.set()
        take_version(run)
        built.append(run.version)
        return False

    head, _, count = last.rpartition(".")
    assert walked(run, build=build, publish=published).state is State.SUCCEEDED
    assert built == [f"{head}.{int(count) + 1}"] == recorder.versions


def test_an_automatic_version_that_is_greater_stays(
    run: Any, platform: Platform, recorder: MemoryRecorder
) -> None:
    """Issue 12, number 22."""
    platform.last, run.job.release.version_is_automatic = "26.1122.0", True
    assert walked(run, build=lambda run: bool(take_version(run))).state is State.SUCCEEDED
    assert (run.version, recorder.versions) == (None, [])


def test_waiting_for_the_newest_version_can_be_canceled(run: Any, platform: Platform) -> None:
    """Issue 12, number 22."""
    platform.may_answer.clear()

    def build(run: Any) -> bool:
        run.stop.ask(ReleaseCanceled())
        try:
            take_version(run)
        finally:
            platform.may_answer.set()
        return False

    assert walked(run, build=build).state is State.CANCELED
