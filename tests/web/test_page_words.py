"""Pages for testers name no command, option or variable of mprelease."""

import re

import pytest

from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.users import Role
from mprelease.i18n import Language, Translator
from mprelease.web.page_words import PageTranslator
from web_clients import Site

# Raised by the command line alone.
OF_THE_COMMAND_LINE = {
    Problem.APP_OR_PROJECT,
    Problem.ONE_QR_CODE,
    Problem.NOTHING_TO_CHANGE,
    Problem.SERVER_LOST,
}
PROBLEMS = [each for each in Problem if each not in OF_THE_COMMAND_LINE]
# Of npm, yarn and Node, which are typed into a field.
OF_OTHERS = re.compile(
    r"--(legacy-peer-deps|ignore-engines|engine-strict=false|openssl-legacy-provider)"
)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_names_fields_and_no_commands(problem: Problem, language: Language) -> None:
    detail = ProblemDetail(problem, {})
    shown = PageTranslator(language)
    for message in (detail.message, detail.remedy):
        words = OF_OTHERS.sub("", shown.of(message))
        assert not re.search(r"`mprelease|--[a-z]|MPRELEASE_", words), words
        assert "()" not in words
        assert "（）" not in words


def test_a_field_has_its_label() -> None:
    remedy = ProblemDetail(Problem.OUTPUT_MISSING, {}).remedy
    assert "--output" in Translator(Language.ENGLISH).of(remedy)
    assert PageTranslator(Language.ENGLISH).of(remedy).startswith("Correct the app's “Output")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_page_shows_a_problem_in_these_words(site: Site) -> None:
    page = site.logged_in(Role.MEMBER).client.get("/apps/nothing").text
    assert "mprelease app list" not in page
    assert "请在小程序列表中查看已有的小程序。" in page


def test_a_value_stays_beside_its_field() -> None:
    detail = ProblemDetail(Problem.NODE_VERSION_UNKNOWN, {"nearest": "18.20.4"})
    assert "“Node 版本” 18.20.4" in PageTranslator(Language.CHINESE).of(detail.remedy)
