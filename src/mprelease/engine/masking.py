"""Mask secrets in everything that is recorded of a release or answered to a query."""

from collections.abc import Mapping
from dataclasses import replace

from mprelease.domain.problems import Message, Parameter, ProblemDetail
from mprelease.domain.releases import Commit, Publication, Stage, StageState
from mprelease.pipeline.run import Recorder
from mprelease.pipeline.runner import Outcome
from mprelease.process.mask import Mask


class MaskingRecorder:
    """A recorder that masks secrets and forwards everything to another recorder."""

    def __init__(self, recorder: Recorder, mask: Mask) -> None:
        """Take the recorder to forward to, and the mask."""
        self._recorder = recorder
        self._mask = mask

    def started(self, stage: Stage) -> None:
        """Forward the start of a stage."""
        self._recorder.started(stage)

    def line(self, text: str) -> None:
        """Forward one line of output."""
        self._recorder.line(self._mask(text))

    def ended(self, stage: Stage, state: StageState, *, cached: bool = False) -> None:
        """Forward the end of the running stage."""
        self._recorder.ended(stage, state, cached=cached)

    def checked_out(self, commit: Commit) -> None:
        """Forward the commit that the ref resolved to."""
        shown = replace(
            commit, author=self._mask(commit.author), subject=self._mask(commit.subject)
        )
        self._recorder.checked_out(shown)

    def numbered(self, version: str) -> None:
        """Forward the version of the release."""
        self._recorder.numbered(version)

    def chose_node(self, version: str) -> None:
        """Forward the version of Node."""
        self._recorder.chose_node(version)

    def stop_bundler_cache(self) -> None:
        """Forward that the app's builds use no caches of bundlers from now on."""
        self._recorder.stop_bundler_cache()

    def built_as(self, artifact: str) -> None:
        """Forward the name of the artifact."""
        self._recorder.built_as(artifact)

    def warned(self, message: Message) -> None:
        """Forward a warning; it may quote a vendor's tool."""
        self._recorder.warned(masked_message(message, self._mask))

    def published(self, publication: Publication) -> None:
        """Forward the platform's answer."""
        self._recorder.published(publication)


def masked_outcome(outcome: Outcome, mask: Mask) -> Outcome:
    """Return an outcome without secrets; the parameters of its messages may be raw output."""
    return replace(
        outcome,
        error=outcome.error and masked_problem(outcome.error, mask),
        warning=outcome.warning and masked_message(outcome.warning, mask),
    )


def masked_problem(problem_detail: ProblemDetail, mask: Mask) -> ProblemDetail:
    """Return a problem without secrets in its parameters."""
    return replace(problem_detail, parameters=_masked(problem_detail.parameters, mask))


def masked_message(message: Message, mask: Mask) -> Message:
    """Return a message without secrets in its parameters."""
    return replace(message, parameters=_masked(message.parameters, mask))


def _masked(parameters: Mapping[str, Parameter], mask: Mask) -> Mapping[str, Parameter]:
    return {
        name: _shortened(mask(value)) if isinstance(value, str) else value
        for name, value in parameters.items()
    }


def _shortened(text: str) -> str:
    """Return a text short enough for lists of releases: output of a repository may be large."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST = 8000
