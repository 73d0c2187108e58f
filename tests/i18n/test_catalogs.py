"""The catalogs are complete, agree with each other, and fit what the code says."""

import ast
import re
import string
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from mprelease.domain.apps import Environment, ProjectType
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.projects import ProjectSecret
from mprelease.domain.releases import Kind, Stage, StageState, State
from mprelease.domain.robots import ChosenBy
from mprelease.domain.sandbox import SandboxMode
from mprelease.domain.users import Role
from mprelease.i18n import LOCALES, Language, Translator, language_of

SOURCE = Path(__file__).parents[2] / "src" / "mprelease"


def catalog(language: Language) -> Mapping[str, str]:
    with (LOCALES / language / "LC_MESSAGES" / "mprelease.po").open("rb") as stream:
        return {str(each.id): str(each.string) for each in read_po(stream) if each.id}


ENGLISH, CHINESE = catalog(Language.ENGLISH), catalog(Language.CHINESE)


@pytest.mark.parametrize("language", Language)
def test_every_word_is_said_in_one_way(language: Language) -> None:
    """Issue 12, numbers 30 and 34: of two sentences for one word, readers take the first."""
    text = (LOCALES / language / "LC_MESSAGES" / "mprelease.po").read_text(encoding="utf-8")
    ids = re.findall(r"^msgid (.+)$", text, re.MULTILINE)
    assert [each for each in ids if ids.count(each) > 1] == []
    assert re.findall(r"^msgstr .*\nmsgstr .*$", text, re.MULTILINE) == []


def gaps(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


@cache
def modules() -> Sequence[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE.rglob("*.py")]


@cache
def calls() -> Sequence[ast.Call]:
    nodes = (node for module in modules() for node in ast.walk(module))
    return [node for node in nodes if isinstance(node, ast.Call)]


@cache
def templates() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.html"))


def said_ids() -> set[str]:
    """Every literal id that the code and the pages ask the catalogs for."""
    of_pages = {*re.findall(r"\bt\('([^']+)'[,)]", templates())}
    return of_pages | {
        call.args[0].value
        for call in calls()
        if _name_of(call.func) in {"t", "log", "Message", "note"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def _name_of(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute) and called.attr == "note":
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


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


def test_every_problem_has_its_sentence_and_its_remedy() -> None:
    wanted = {f"{part}.{problem}" for part in ("problem", "remedy") for problem in Problem}
    assert wanted - ENGLISH.keys() == set()


def test_every_word_that_the_code_asks_for_is_there() -> None:
    assert said_ids() - ENGLISH.keys() == set()


@pytest.mark.parametrize(
    "prefix_and_names",
    [
        ("kind", Kind),
        ("state", State),
        ("stage", Stage),
        ("stage_state", StageState),
        ("platform", Platform),
        ("environment", Environment),
        ("role", Role),
        ("type", ProjectType),
        ("sandbox", SandboxMode),
        ("language", Language),
        ("secret", ProjectSecret),
        ("robot_reason", ChosenBy),
    ],
)
def test_every_value_of_an_enumeration_has_its_word(
    prefix_and_names: tuple[str, type[State]],
) -> None:
    """Issue 12, number 34: raw values are never shown."""
    prefix, names = prefix_and_names
    assert {f"{prefix}.{name}" for name in names} <= ENGLISH.keys()


def test_both_languages_leave_the_same_gaps() -> None:
    in_english, in_chinese = (
        {message: gaps(words) for message, words in each.items()} for each in (ENGLISH, CHINESE)
    )
    assert in_english == in_chinese


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
    names = (
        "problem|remedy|kind|state|stage|stage_state|column|demo|role|platform|environment|web.ago|store|removal|robot_reason|activity|weekday|tab"
        "|type|sandbox|audit|detail|language|secret|newer|bundler_cache"
    )
    built = re.compile(rf"^({names})\b|doctor\.sandbox_|cli\.[a-z]+$")
    unused = {each for each in ENGLISH if f'"{each}"' not in text and not built.match(each)}
    # Stored with releases of older versions.
    assert unused == {"hint.douyin_expires"}


# One word for one thing: what it is called, and what it must not be called.
SYNONYMS = {
    Language.CHINESE: {
        "小程序": ("应用",),
        "密钥": ("凭证", "凭据"),
        "发布任务": ("发布记录", "发布单", "任务单"),
        "平台后台": ("控制台",),
        "备注": ("描述",),
        "个人中心": ("个人资料", "资料页"),
        "执行机": ("构建机", "工作节点", "worker 节点"),
        "你": ("您",),
        "开发 / 运营 / 测试": ("成员",),
        "AppID": ("应用ID", "appid"),
    },
    Language.ENGLISH: {
        "AppID": ("app id", "App id", "appid"),
        "trial version": ("experience version",),
        "credential": ("certificate of the app",),
    },
}


@pytest.mark.parametrize("language", list(Language))
def test_one_thing_has_one_word(language: Language) -> None:
    """Issue 12, number 34: the catalogs do not mix synonyms."""
    wrong = [
        f"{name}: {synonym} should be {word}"
        for word, synonyms in SYNONYMS[language].items()
        for synonym in synonyms
        for name, text in catalog(language).items()
        if synonym in text
    ]
    assert not wrong, "\n".join(wrong)


def test_every_action_of_the_audit_has_its_words() -> None:
    """Issue 12, number 34: codes such as `app.edit` are not shown."""
    actions = {
        node.value
        for call in calls()
        if isinstance(call.func, ast.Name)
        and call.func.id in {"AuditEntry", "entry_about"}
        and call.args
        for node in ast.walk(call.args[0])
        if isinstance(node, ast.Constant) and "." in str(node.value)
    }
    actions = {str(each) for each in actions} - {"release."}
    actions |= {f"release.{kind}" for kind in Kind}
    assert len(actions) > 20
    assert {f"audit.{each}" for each in actions} == {
        each for each in ENGLISH if each.startswith("audit.")
    }


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (Language.CHINESE, "构建结果属于支付宝（app.acss），而小程序属于微信。"),
        (
            Language.ENGLISH,
            "What was built is for Alipay (app.acss), and the app is one of WeChat.",
        ),
    ],
)
def test_a_sentence_names_a_platform_as_people_do(language: Language, sentence: str) -> None:
    """Issue 12, number 34: raw values of enumerations are never shown."""
    parameters = {"found": "alipay", "wanted": "wechat", "file": "app.acss"}
    problem_detail = ProblemDetail(Problem.OUTPUT_OF_OTHER_PLATFORM, parameters)
    assert Translator(language).of(problem_detail.message) == sentence


def test_a_host_that_is_no_platform_is_named_as_it_is() -> None:
    problem_detail = ProblemDetail(Problem.PUBLISH_CUT, {"host": "mp.weixin.qq.com", "detail": "x"})
    assert "mp.weixin.qq.com" in Translator(Language.CHINESE).of(problem_detail.message)


def test_a_problem_is_one_line_with_its_remedy() -> None:
    words = Translator(Language.CHINESE)
    problem_detail = ProblemDetail(Problem.ROBOT_RANGE, {"robot": 31, "first": 1, "last": 30})
    assert (
        words.of_problem(problem_detail) == "没有编号为 31 的 ci机器人。 ci机器人编号为 1 到 30。"
    )


def test_a_missing_parameter_leaves_a_gap_and_no_crash() -> None:
    assert "{robot}" in Translator(Language.ENGLISH).of(Message("problem.robot_range"))


@pytest.mark.parametrize(
    ("requested", "language"),
    [
        ("zh_CN.UTF-8", Language.CHINESE),
        ("zh", Language.CHINESE),
        ("zh-Hans", Language.CHINESE),
        ("en_US.UTF-8", Language.ENGLISH),
        ("C.UTF-8", Language.ENGLISH),
        ("", Language.ENGLISH),
    ],
)
def test_the_language_is_the_requested_one(requested: str, language: Language) -> None:
    assert language_of(requested) is language
