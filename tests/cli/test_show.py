"""What the command line prints for programs."""

from mprelease.cli import show
from mprelease.domain.problems import Problem, ProblemDetail


def test_a_problem_with_an_exit_code_is_named_all_the_same() -> None:
    shown = show.problem_detail(ProblemDetail(Problem.INSTALL_FAILED, {"code": 1}))
    assert shown["problem"] == "install_failed"


def test_what_a_server_says_names_the_problem_itself() -> None:
    words = {"code": "key_refused", "message": "No.", "remedy": "Ask."}
    shown = show.problem_detail(ProblemDetail(Problem.SERVER_SAYS, words))
    assert (shown["problem"], shown["message"]) == ("key_refused", "No.")
