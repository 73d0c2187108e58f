"""No coined word of the former vocabulary is left in the code, the tables or the API.

In `PLAIN` packages docstrings and comments are plain technical English: a module does not tell,
hear or know, and there is no "somebody". A package is added when its texts were rewritten. The
helper modules of tests and benchmarks follow the same rules; names of tests are sentences.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import mprelease
from mprelease.storage.tables import metadata

SOURCE = Path(mprelease.__file__).parent
# What each became stands in docs/glossary.md; common words (link, only, packed) are not here.
COINED = frozenset(
    re.findall(
        r"\w+",
        """
        House house Hall hall HallOf hall_of Visit visit Looker Releaser Errand Errands errand
        errands Outside Means means Workshop workshop Equipment Ear ear Mouth mouth Hearer Crowd
        crowd Member _shut_out Sight sights telling Told ToldAll Watched Bell rung _DEAF_SECONDS
        Patience patience ENDLESS Wish SandboxWish Reach hand_over _walls _marks_of _lent take_back
        come_back hand_back _let_go engage Trouble trouble Complaint complaint Mistake looks_built
        equip waits_for fate perhaps _Desk Treatment Pace strange _Door deed deeds Deed Did
        """,
    )
)
STEPS = SOURCE / "storage/migrations/versions"
CHECKOUT = Path(__file__).parents[2]
COINED_IN_TESTS = COINED | frozenset(
    re.findall(
        r"\w+",
        """
        Yard yard Crew crew guests Visitor door Hand hunter furnish furnished furnished_by house_of
        housed stage_sets StageSet Stand Workplace Diary diary Employ employ employed Elsewhere
        overhear stumble insisting impatient dialed relent hurry doomed wishes wish _wish
        """,
    )
)

PLAIN = (
    "domain",
    "engine",
    "live",
    "process",
    "source",
    "workspace",
    "remote",
    "security",
    "settings",
    "i18n",
    "packages",
    "simulator",
    "platforms",
    "pipeline",
    "application.py",
    "supervision.py",
    "messaging.py",
    "services",
    "storage",
    "web",
    "cli",
    "schemas",
)
DIALECT = re.compile(
    r"""
    \b(?:
    [Tt]ell | [Tt]ells | [Tt]old | [Tt]elling | [Hh]ear | [Hh]ears | [Hh]eard | [Hh]earing
    | [Ss]ay | [Ss]aid | [Aa]sk | [Aa]sks | [Aa]sked | [Aa]sking | [Kk]nows | [Ss]peak | [Ss]peaks
    | [Ww]hoever | [Ww]hatever | [Ww]hom | [Ss]omebody | [Nn]obody | [Ee]verybody | [Aa]nybody
    | [Ll]end | [Ll]ends | [Ll]ent | [Rr]ings | [Rr]ung | [Dd]eaf | [Ww]ish | [Ww]ishes | [Ww]ished
    | [Aa]new | [Pp]erhaps | [Gg]ood-?bye | [Ff]or\ want\ of | slip\ of | by\ hope | former\ days
    | earlier\ life | holds?\ (?:\w+\ ){0,2}up | once\ and\ for\ all | more\ than\ once\ is
    )\b
    """,
    re.VERBOSE,
)
METAPHORS = re.compile(r"\b(?:house|hall|yard|crew|guest|errand|deed)s?\b", re.IGNORECASE)
DIALECT_NAMES = frozenset({"told", "heard", "hear", "said", "rung", "perhaps", "gone", "whose"})


@cache
def names(path: Path) -> frozenset[str]:
    return frozenset(token.string for token in tokens(path) if token.type == tokenize.NAME)


@cache
def tokens(path: Path) -> list[tokenize.TokenInfo]:
    """Return the names and comments of a module; several tests read each of them."""
    source = io.StringIO(path.read_text(encoding="utf-8"))
    kept = (tokenize.NAME, tokenize.COMMENT)
    return [token for token in tokenize.generate_tokens(source.readline) if token.type in kept]


def test_no_coined_word_is_left_in_the_code() -> None:
    modules = [path for path in SOURCE.rglob("*.py") if not path.is_relative_to(STEPS)]
    left = {str(path.relative_to(SOURCE)): names(path) & COINED for path in modules}
    assert {path: words for path, words in left.items() if words} == {}
    assert COINED.isdisjoint(path.stem for path in modules)


def test_no_coined_word_is_left_in_tests_and_benchmarks() -> None:
    modules = modules_of_tests()
    assert Path(__file__) in modules
    refused = COINED_IN_TESTS | DIALECT_NAMES
    left = {str(path.relative_to(CHECKOUT)): names(path) & refused for path in modules}
    assert {path: words for path, words in left.items() if words} == {}
    assert refused.isdisjoint(path.stem.removeprefix("test_") for path in modules)


def modules_of_tests() -> list[Path]:
    folders = (CHECKOUT / name for name in ("tests", "benchmarks"))
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def modules_of(place: str) -> list[Path]:
    return sorted((SOURCE / place).rglob("*.py")) or [SOURCE / place]


@cache
def texts(path: Path) -> list[tuple[int, str]]:
    """Return comments, docstrings (of attributes as well, without code) and messages of the log."""
    return list(_texts(path))


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokens(path):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Expr(ast.Constant(str(text))):
                yield node.lineno, re.sub(r"`[^`]*`", "", text)
            case ast.Call(ast.Attribute(ast.Name("_log")), [ast.Constant(str(text)), *_]):
                yield node.lineno, text


@pytest.mark.parametrize("package", PLAIN)
def test_docstrings_and_comments_are_plain_technical_english(package: str) -> None:
    left = [
        f"{path.relative_to(SOURCE)}:{line}: {word[0]}"
        for path in modules_of(package)
        for line, text in texts(path)
        for word in DIALECT.finditer(text)
    ]
    assert left == []


def test_docstrings_and_comments_of_test_helpers_are_plain_technical_english() -> None:
    helpers = [path for path in modules_of_tests() if not path.name.startswith("test_")]
    left = [
        f"{path.relative_to(CHECKOUT)}:{line}: {word[0]}"
        for path in helpers
        for line, text in texts(path)
        for word in DIALECT.finditer(text)
    ]
    assert left == []


def test_no_metaphor_is_left_in_texts_and_names_of_tests() -> None:
    left = [
        f"{path.relative_to(CHECKOUT)}: {word[0]}"
        for path in modules_of_tests()
        if path != Path(__file__)
        for text in (*(text for _, text in texts(path)), *names(path))
        for word in METAPHORS.finditer(text.replace("_", " "))
    ]
    assert left == []


@pytest.mark.parametrize("package", PLAIN)
def test_no_dialect_is_left_in_names(package: str) -> None:
    modules = modules_of(package)
    left = {str(path.relative_to(SOURCE)): names(path) & DIALECT_NAMES for path in modules}
    assert {path: words for path, words in left.items() if words} == {}


def test_the_texts_of_a_module_are_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""It tells."""\nX = 1  # nobody\n"""Heard `told`."""\n'
        'Y = "said"\n_log.info("%s asks", X)\n'
    )
    words = [word[0] for _, text in texts(module) for word in DIALECT.finditer(text)]
    assert sorted(words) == ["Heard", "asks", "nobody", "tells"]


def test_no_coined_word_is_left_in_the_tables() -> None:
    columns = {column.name for table in metadata.tables.values() for column in table.c}
    assert COINED.isdisjoint(columns | metadata.tables.keys())


def test_no_coined_word_is_left_in_what_templates_and_scripts_call() -> None:
    pages = [*SOURCE.rglob("templates/*.html"), *(SOURCE / "web/static").glob("*.js")]
    for path in pages:
        blocks = re.findall(r"\{[{%].*?[%}]\}", path.read_text(encoding="utf-8"), re.DOTALL)
        text = " ".join(blocks) if path.suffix == ".html" else path.read_text(encoding="utf-8")
        words = set(re.findall(r"(?<![\w'.-])\w+(?=[.(\s])", re.sub(r"//.*|'[^']*'", "", text)))
        assert COINED.isdisjoint(words), path.name
