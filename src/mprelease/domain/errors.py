"""The few ways in which mprelease says no."""

from dataclasses import replace

from mprelease.domain.problems import Parameter, Problem, ProblemDetail


class ProblemError(Exception):
    """Carry a problem to the one place that puts it into a sentence."""

    def __init__(self, problem: Problem, **parameters: Parameter) -> None:
        """Name the problem and what its sentences need."""
        self.problem_detail = ProblemDetail(problem, parameters)
        super().__init__(problem, parameters)


class Refused(ProblemError):
    """A request that cannot be met as it stands; nothing was changed."""


class AppRefused(Refused):
    """A request for several apps that cannot be met because of one of them."""

    def __init__(self, app: str, refusal: Refused) -> None:
        """Name the app, and take over what stands in its way."""
        super().__init__(refusal.problem_detail.problem, **refusal.problem_detail.parameters)
        self.problem_detail = replace(refusal.problem_detail, app=app)


class StageFailed(ProblemError):
    """A stage ended without success: an expected ending of a release, not a crash."""


class ReleaseCanceled(Exception):
    """Somebody asked for the end of a running release, and it was still possible."""


class LeaseLost(Exception):
    """The release is no longer ours: end the process tree and write nothing."""


class Requeued(LeaseLost):
    """The worker ends: the release goes back into the queue, for another one to run."""
