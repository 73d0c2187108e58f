"""Exceptions for expected failures and for the expected ends of a release."""

from dataclasses import replace

from mprelease.domain.problems import Parameter, Problem, ProblemDetail


class ProblemError(Exception):
    """An expected failure, as a problem that the interfaces translate into a sentence."""

    def __init__(self, problem: Problem, **parameters: Parameter) -> None:
        """Take the problem and the parameters of its message."""
        self.problem_detail = ProblemDetail(problem, parameters)
        super().__init__(problem, parameters)


class Refused(ProblemError):
    """A request that cannot be fulfilled as given; nothing was changed."""


class AppRefused(Refused):
    """A request for several apps that cannot be fulfilled because of one of them."""

    def __init__(self, app: str, refusal: Refused) -> None:
        """Take the app's name and the refusal that concerns it."""
        super().__init__(refusal.problem_detail.problem, **refusal.problem_detail.parameters)
        self.problem_detail = replace(refusal.problem_detail, app=app)


class StageFailed(ProblemError):
    """A stage ended without success: an expected ending of a release, not a crash."""


class ReleaseCanceled(Exception):
    """A user canceled the running release before its upload began."""


class LeaseLost(Exception):
    """The worker no longer holds the release's lease: end its processes and write nothing."""


class Requeued(LeaseLost):
    """The worker shuts down: the release returns to the queue for another worker."""
