"""A document NAME.md and its Chinese NAME.zh-CN.md agree, and every link leads somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
CHINESE = [file for file in DOCUMENTS if file.name.endswith(".zh-CN.md")]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ROW = re.compile(r"^\|(.*)\|$", re.MULTILINE)
SETTING = re.compile(r"MPRELEASE_[A-Z_]+")


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def english_of(file: Path) -> Path:
    return file.with_name(file.name.replace(".zh-CN.md", ".md"))


def chinese_of(file: Path) -> Path:
    return file.with_name(file.name.replace(".md", ".zh-CN.md"))


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def prose(text: str) -> str:
    return BLOCK.sub("", text)


def levels(text: str) -> list[str]:
    return [marks for marks, _ in HEADING.findall(prose(text))]


def tables(text: str) -> list[list[int]]:
    """Return the number of cells of each row, table by table."""
    found: list[list[int]] = []
    end = -1
    for row in ROW.finditer(prose(text)):
        if row.start() != end + 1:
            found.append([])
        found[-1].append(len(re.findall(r"(?<!\\)\|", row[0])))
        end = row.end()
    return found


def settings_of_tables(text: str) -> list[tuple[str, list[str]]]:
    """Return each row that begins with a setting, with the values of its second cell."""
    rows = (row[1].split("|") for row in ROW.finditer(prose(text)))
    found = [(SETTING.findall(cells[0]), re.findall(r"`[^`]+`", cells[1])) for cells in rows]
    return [(setting, sorted(values)) for names, values in found for setting in names]


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Return each block without its comments; of a console only what is typed."""
    found = []
    for language, body in BLOCK.findall(text):
        lines = [re.sub(r"(^|\s+)#( .*)?$", "", line) for line in body.splitlines()]
        if language == "console":
            lines = [line for line in lines if line.startswith("$ ")]
        found.append((language, [line for line in lines if line.strip()]))
    return found


def anchors(text: str) -> set[str]:
    """Return the names that GitHub gives to the headings."""
    found: set[str] = set()
    for _, heading in HEADING.findall(prose(text)):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        plain = re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-")
        again = (f"{plain}-{count}" for count in range(1, 100))
        found.add(plain if plain not in found else next(n for n in again if n not in found))
    return found


def links(file: Path) -> list[tuple[Path, str]]:
    """Return the file and the anchor of each link into this repository."""
    targets = [link for link in LINK.findall(prose(read(file))) if "://" not in link]
    parts = [unquote(target).partition("#") for target in targets if "mailto:" not in target]
    return [((file.parent / path).resolve() if path else file, anchor) for path, _, anchor in parts]


@pytest.mark.parametrize("document", CHINESE, ids=name_of)
class TestChinese:
    def test_has_the_sections_of_the_english_one(self, document: Path) -> None:
        assert levels(read(document)) == levels(read(english_of(document)))

    def test_has_its_tables(self, document: Path) -> None:
        assert tables(read(document)) == tables(read(english_of(document)))

    def test_has_its_settings(self, document: Path) -> None:
        ours, theirs = read(document), read(english_of(document))
        assert settings_of_tables(ours) == settings_of_tables(theirs)
        assert set(SETTING.findall(ours)) == set(SETTING.findall(theirs))

    def test_has_its_commands(self, document: Path) -> None:
        assert commands(read(document)) == commands(read(english_of(document)))

    def test_leads_to_the_english_one_and_back_at_the_top(self, document: Path) -> None:
        english = english_of(document)
        assert f"({english.name})" in read(document)[:200]
        assert f"({document.name})" in read(english)[:200]

    def test_leads_to_chinese_documents_where_there_are_any(self, document: Path) -> None:
        others = {file for file, _ in links(document)} - {english_of(document)}
        assert {name_of(file) for file in others if chinese_of(file) in CHINESE} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_to_a_file_and_a_section_that_exist(document: Path) -> None:
    lost = [
        (name_of(file), anchor)
        for file, anchor in links(document)
        if not file.exists()
        or (anchor and file.suffix == ".md" and anchor not in anchors(read(file)))
    ]
    assert lost == []
