"""Bring a platform's tool that a machine lacks, as a part of the release that needs it first."""

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
        """Install it unless it is there, and tell npm's lines; wait for no other platform.

        Raise StageFailed, or the reason of the stop as soon as one is asked.
        """


def nothing_to_install(_: Platform, /, *, stop: Stop, on_line: LineCallback) -> None:
    """Install nothing: the pipeline needs no tools."""


@dataclass(frozen=True)
class ToolSupply:
    """How a machine gets the vendors' tools, and the words in which a log tells of it."""

    install: InstallTool = nothing_to_install
    has: Callable[[Platform], bool] = lambda _: True

    def bring(
        self, platform: Platform, recorder: Recorder, stop: Stop, words: Translator
    ) -> Outcome | None:
        """Install the tool in the release's first stage if it is missing.

        Return how the release ends where that fails or is canceled; raise LeaseLost.
        """
        if self.has(platform):
            # It may have to be opened for other user ids, of which there is nothing to tell.
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
        except Exception as error:  # noqa: BLE001 it concerns this release alone
            recorder.ended(Stage.CHECKOUT, StageState.FAILED)
            return Outcome(State.FAILED, problem_detail_of(error), Stage.CHECKOUT)
        return None


def tool_locks() -> ToolLocks:
    """Return a lock for each platform: one waits for its own tool alone."""
    return {platform: threading.Lock() for platform in served()}


@contextmanager
def acquired(lock: threading.Lock, stop: Stop) -> Iterator[None]:
    """Hold a lock during the block; raise the reason if a stop is asked while waiting for it."""
    while not lock.acquire(timeout=_BETWEEN_TRIES):
        stop.raise_if_asked()
    try:
        yield
    finally:
        lock.release()
