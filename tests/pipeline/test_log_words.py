"""Issue 12, number 34: lines of ours in a log are in the language of the installation."""

import ast
import re
from pathlib import Path

import pytest

from mprelease import pipeline, platforms, source
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.i18n import Language, Translator
from mprelease.platforms import events
from mprelease.platforms.driver import OwnProgress

SOURCES = (Path(pipeline.__file__).parent, Path(source.__file__).parent)
BRIDGES = Path(platforms.__file__).parent / "bridge"


def own_lines() -> list[str]:
    """Return what the pipeline says in words of its own, apart from the commands that it runs."""
    found = []
    for path in (path for folder in SOURCES for path in folder.glob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            if call.func.attr not in {"log", "on_line"} or not call.args:
                continue
            parts = [
                str(node.value)
                for node in ast.walk(call.args[0])
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
            text = "".join(parts)
            if re.search(r"[A-Za-z]{2}", text) and not text.startswith("$ "):
                found.append(f"{path.name}: {text}")
    return found


def test_the_pipeline_says_nothing_in_words_that_no_catalog_has() -> None:
    assert own_lines() == []


def test_every_line_of_a_bridge_is_one_that_the_catalogs_have() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in BRIDGES.glob("*.cjs"))
    named = set(re.findall(r'\bnote\("([^"]+)"', text))
    assert named == events.NOTES.keys()
    assert not re.search(r'\bprogress\(["`](?!minidev)[A-Za-z]', text), "use note()"


@pytest.mark.parametrize(
    ("language", "line"),
    [(Language.CHINESE, "已上传 42 %"), (Language.ENGLISH, "uploaded: 42 %")],
)
def test_a_bridge_says_what_it_does_by_an_id(language: Language, line: str) -> None:
    event_line = '{"event": "note", "note": "log.uploaded_percent", "detail": "42"}'
    event = events.read(event_line, None, {})
    assert event == OwnProgress(Message("log.uploaded_percent", {"percent": "42"}))
    assert Translator(language).of(event.message) == line


@pytest.mark.parametrize("note", ["web.password_once", "log.unreached", "", "log.npm_nothing.x"])
def test_a_bridge_cannot_say_just_anything(note: str) -> None:
    with pytest.raises(StageFailed) as failure:
        events.read(f'{{"event": "note", "note": "{note}", "detail": "x"}}', None, {})
    assert failure.value.problem_detail.problem is Problem.PUBLISH_EVENT_UNREADABLE
