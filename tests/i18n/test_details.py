"""Details in messages need no translation: values, signs, and what tools say themselves."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mprelease
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.i18n import Language, Translator
from mprelease.settings.settings import load
from mprelease.storage import engines

SOURCE = Path(mprelease.__file__).parent
SENTENCE = re.compile(r"[A-Za-z]{2,}[ ,:]+[a-z]{2,}")
# An exit code is what it is called everywhere; internal errors are for us.
KNOWN = {"exit code ", "the dependency set  is gone"}


def texts(node: ast.expr) -> Iterator[str]:
    """Yield the literal texts that a value may have; of an f-string without its values."""
    if isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from texts(value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))


def details(file: Path) -> Iterator[ast.expr]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "detail":
            yield node.value
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "detail":
            yield node.value


def test_no_detail_is_an_english_sentence() -> None:
    """Issue 12, number 34."""
    found = {
        f"{file.relative_to(SOURCE)}: {text}"
        for file in SOURCE.rglob("*.py")
        if "simulator" not in file.parts
        for value in details(file)
        for text in texts(value)
        if SENTENCE.search(text) and text not in KNOWN
    }
    assert found == set()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TIMEZONE", "Mars/Base", "'Mars/Base' (Asia/Shanghai)"),
        ("SLOTS", "0", "≥ 1"),
        ("SLOTS", "many", "0-9"),
        ("LABELS", "A B", "'A' (a-z, 0-9, -)"),
        ("BASE_URL", "example.com", "'example.com' (http://…, https://…)"),
        ("SANDBOX", "none", "'auto'"),
    ],
)
def test_a_setting_is_refused_without_english_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, expected: str
) -> None:
    """Issue 12, number 34."""
    monkeypatch.setenv("MPRELEASE_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv(f"MPRELEASE_{name}", value)
    with pytest.raises(Refused) as refused:
        load()
    words = Translator(Language.CHINESE).of_problem(refused.value.problem_detail)
    assert f"MPRELEASE_{name}" in words
    assert expected in words
    assert not SENTENCE.search(words.partition("。")[0])


def test_a_malformed_address_of_a_database_is_told_in_chinese() -> None:
    """Issue 12, number 34."""
    with pytest.raises(Refused) as refused:
        engines.parsed("mysql:/x")
    assert refused.value.problem_detail.problem is Problem.DATABASE_ADDRESS
    words = Translator(Language.CHINESE).of_problem(refused.value.problem_detail)
    assert not SENTENCE.search(words.partition("。")[0])
