"""Keep secrets out of everything that is recorded of a release or answered to a query."""

from collections.abc import Mapping
from dataclasses import replace

from mprelease.domain.problems import Message, Parameter, ProblemDetail
from mprelease.domain.releases import Commit, Publication, Stage, StageState
from mprelease.pipeline.run import Recorder
from mprelease.pipeline.runner import Outcome
from mprelease.process.mask import Mask


class MaskingRecorder:
    """Pass on the course of a release with its secrets hidden, whatever they appear in."""

    def __init__(self, recorder: Recorder, mask: Mask) -> None:
        """Take who records, and what hides."""
        self._recorder = recorder
        self._mask = mask

    def started(self, stage: Stage) -> None:
        """Pass on that a stage began."""
        self._recorder.started(stage)

    def line(self, text: str) -> None:
        """Pass on one line of output."""
        self._recorder.line(self._mask(text))

    def ended(self, stage: Stage, state: StageState, *, cached: bool = False) -> None:
        """Pass on how the running stage ended."""
        self._recorder.ended(stage, state, cached=cached)

    def checked_out(self, commit: Commit) -> None:
        """Pass on which commit the ref stands for."""
        shown = replace(
            commit, author=self._mask(commit.author), subject=self._mask(commit.subject)
        )
        self._recorder.checked_out(shown)

    def numbered(self, version: str) -> None:
        """Pass on which version the release takes."""
        self._recorder.numbered(version)

    def warned(self, message: Message) -> None:
        """Pass on a warning, which may repeat what a vendor's tool said."""
        self._recorder.warned(masked_message(message, self._mask))

    def published(self, publication: Publication) -> None:
        """Pass on what the platform answered."""
        self._recorder.published(publication)


def masked_ending(ending: Outcome, mask: Mask) -> Outcome:
    """Return an ending without secrets: the parameters of its words come from raw output."""
    return replace(
        ending,
        error=ending.error and masked_problem(ending.error, mask),
        warning=ending.warning and masked_message(ending.warning, mask),
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
    """Return what every list of releases may show: a repository can say very much."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST = 8000
