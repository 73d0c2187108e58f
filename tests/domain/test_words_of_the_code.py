"""No coined word of the former vocabulary is left in the code, the tables or the API."""

import io
import re
import tokenize
from pathlib import Path

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


def names(path: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def test_no_coined_word_is_left_in_the_code() -> None:
    modules = [path for path in SOURCE.rglob("*.py") if not path.is_relative_to(STEPS)]
    left = {str(path.relative_to(SOURCE)): names(path) & COINED for path in modules}
    assert {path: words for path, words in left.items() if words} == {}
    assert COINED.isdisjoint(path.stem for path in modules)


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
