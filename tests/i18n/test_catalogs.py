"""The catalogs are complete, agree with each other, and fit what the code says."""

import ast
import re
import string
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from mprelease.domain.problems import Message, Problem, Trouble
from mprelease.domain.releases import Kind, Stage, State
from mprelease.i18n import LOCALES, Language, Words, language_of

SOURCE = Path(__file__).parents[2] / "src" / "mprelease"


def catalog(language: Language) -> Mapping[str, str]:
    with (LOCALES / language / "LC_MESSAGES" / "mprelease.po").open("rb") as stream:
        return {str(each.id): str(each.string) for each in read_po(stream) if each.id}


ENGLISH, CHINESE = catalog(Language.ENGLISH), catalog(Language.CHINESE)


def gaps(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def modules() -> Iterator[ast.Module]:
    for path in SOURCE.rglob("*.py"):
        yield ast.parse(path.read_text(encoding="utf-8"))


def calls() -> Iterator[ast.Call]:
    for module in modules():
        yield from (node for node in ast.walk(module) if isinstance(node, ast.Call))


def templates() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.html"))


def said_ids() -> set[str]:
    """Every literal id that the code and the pages ask the catalogs for."""
    of_pages = {*re.findall(r"say\('([^']+)'[,)]", templates())}
    return of_pages | {
        call.args[0].value
        for call in calls()
        if isinstance(call.func, ast.Name)
        and call.func.id in {"say", "Message"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def is_documentation(call: ast.Call) -> bool:
    """Whether problems are only named: `refusing` documents what is raised elsewhere."""
    return isinstance(call.func, ast.Name) and call.func.id == "refusing"


def raised_parameters() -> Mapping[str, list[set[str]]]:
    """For each problem, the names of the parameters that it is raised with, place by place."""
    found: dict[str, list[set[str]]] = defaultdict(list)
    for call in calls():
        first = call.args[0] if call.args else None
        if (
            isinstance(first, ast.Attribute)
            and isinstance(first.value, ast.Name)
            and first.value.id == "Problem"
            and all(keyword.arg for keyword in call.keywords)
            and len(call.args) == 1
            and not is_documentation(call)
        ):
            found[first.attr].append({str(keyword.arg) for keyword in call.keywords})
    return found


def test_both_languages_have_the_same_words_and_none_is_empty() -> None:
    assert ENGLISH.keys() == CHINESE.keys()
    assert all(ENGLISH.values())
    assert all(CHINESE.values())


@pytest.mark.parametrize("problem", list(Problem))
def test_every_problem_has_its_sentence_and_its_remedy(problem: Problem) -> None:
    assert f"problem.{problem}" in ENGLISH
    assert f"remedy.{problem}" in ENGLISH


def test_every_word_that_the_code_asks_for_is_there() -> None:
    assert said_ids() - ENGLISH.keys() == set()


@pytest.mark.parametrize("prefix_and_names", [("kind", Kind), ("state", State), ("stage", Stage)])
def test_every_word_of_the_trade_is_there(prefix_and_names: tuple[str, type[State]]) -> None:
    prefix, names = prefix_and_names
    assert {f"{prefix}.{name}" for name in names} <= ENGLISH.keys()


@pytest.mark.parametrize("message", sorted(ENGLISH))
def test_both_languages_leave_the_same_gaps(message: str) -> None:
    assert gaps(ENGLISH[message]) == gaps(CHINESE[message])


def test_a_problem_is_raised_with_everything_that_its_sentences_need() -> None:
    for name, places in raised_parameters().items():
        problem = Problem[name]
        needed = gaps(ENGLISH[f"problem.{problem}"]) | gaps(ENGLISH[f"remedy.{problem}"])
        for given in places:
            assert needed <= given, f"{name} needs {needed}, is raised with {given}"


def test_the_compiled_catalogs_are_those_of_the_sources() -> None:
    for language in Language:
        with (LOCALES / language / "LC_MESSAGES" / "mprelease.mo").open("rb") as stream:
            compiled = {str(each.id): str(each.string) for each in read_mo(stream) if each.id}
        assert compiled == catalog(language), "run `make catalogs`"


def test_no_word_stands_unused() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    text += re.sub(r"'([^'\n]*)'", r'"\1"', templates())
    names = "problem|remedy|kind|state|stage|column|demo|role|platform|environment|web.ago"
    built = re.compile(rf"^({names})\b|doctor\.sandbox_")
    unused = {each for each in ENGLISH if f'"{each}"' not in text and not built.match(each)}
    assert unused == set()


def test_a_trouble_is_one_line_with_its_remedy() -> None:
    words = Words(Language.CHINESE)
    trouble = Trouble(Problem.ROBOT_RANGE, {"robot": 31})
    assert (
        words.of_trouble(trouble) == "没有编号为 31 的 ci机器人。 微信的 ci机器人编号为 1 到 30。"
    )


def test_a_missing_parameter_leaves_a_gap_and_no_crash() -> None:
    assert "{robot}" in Words(Language.ENGLISH).of(Message("problem.robot_range"))


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("zh_CN.UTF-8", Language.CHINESE),
        ("zh", Language.CHINESE),
        ("zh-Hans", Language.CHINESE),
        ("en_US.UTF-8", Language.ENGLISH),
        ("C.UTF-8", Language.ENGLISH),
        ("", Language.ENGLISH),
    ],
)
def test_the_language_follows_the_wish(wish: str, language: Language) -> None:
    assert language_of(wish) is language
