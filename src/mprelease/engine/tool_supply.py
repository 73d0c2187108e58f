"""Install a missing vendor tool, as a part of the first release that needs it."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from mprelease.domain.errors import LeaseLost, ReleaseCanceled
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message
from mprelease.domain.releases import Stage, StageState, State
from mprelease.i18n import Translator
from mprelease.pipeline.run import Recorder
from mprelease.pipeline.runner import Outcome, problem_detail_of
from mprelease.platforms.registry import served
from mprelease.process.tree import LineCallback, Stop

_log = logging.getLogger(__name__)
_BETWEEN_TRIES = 0.05

ToolLocks = Mapping[Platform, threading.Lock]


class InstallTool(Protocol):
    """Install the tool of a platform."""

    def __call__(self, platform: Platform, /, *, stop: Stop, on_line: LineCallback) -> None:
        """Install the tool unless it is installed; `on_line` gets npm's output.

        Installs of other platforms do not block this one. Raise StageFailed, and the reason of a
        stop as soon as one is requested.
        """


def nothing_to_install(_: Platform, /, *, stop: Stop, on_line: LineCallback) -> None:
    """Install nothing, for a pipeline without tools."""


@dataclass(frozen=True)
class ToolSupply:
    """How a machine installs the vendors' tools, and whether it has one."""

    install: InstallTool = nothing_to_install
    has: Callable[[Platform], bool] = lambda _: True

    def ensure(
        self, platform: Platform, recorder: Recorder, stop: Stop, words: Translator
    ) -> Outcome | None:
        """Install the tool in the release's first stage if it is missing.

        `words` translates the line that this adds to the log. Return None, or the end of the
        release if the installation fails or is canceled. Raise LeaseLost.
        """
        if self.has(platform):
            # Only makes the files readable for other user ids, which needs no line in the log.
            self.install(platform, stop=stop, on_line=_log.info)
            return None
        recorder.started(Stage.CHECKOUT)
        recorder.line(words.of(Message("log.installing_tool", {"platform": platform})))
        try:
            self.install(platform, stop=stop, on_line=recorder.line)
            stop.raise_if_asked()
        except LeaseLost:
            raise
        except ReleaseCanceled:
            recorder.ended(Stage.CHECKOUT, StageState.CANCELED)
            return Outcome(State.CANCELED)
        except Exception as error:  # noqa: BLE001 the failure ends this release, not the worker
            recorder.ended(Stage.CHECKOUT, StageState.FAILED)
            return Outcome(State.FAILED, problem_detail_of(error), Stage.CHECKOUT)
        return None


def tool_locks() -> ToolLocks:
    """Return one lock per platform, so that installs of different tools run in parallel."""
    return {platform: threading.Lock() for platform in served()}


@contextmanager
def acquired(lock: threading.Lock, stop: Stop) -> Iterator[None]:
    """Hold a lock during the block; raise the reason if a stop is requested while waiting."""
    while not lock.acquire(timeout=_BETWEEN_TRIES):
        stop.raise_if_asked()
    try:
        yield
    finally:
        lock.release()
