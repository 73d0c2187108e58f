"""Modules and tests that a document names exist: renames are followed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/mprelease"
DOCUMENTS = [*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")]
PATH = re.compile(r"`([\w./-]+/[\w.-]+\.(?:py|cjs|mjs|js|html|css))`")


def exists(path: str) -> bool:
    places = (ROOT, SOURCE, SOURCE / "web", SOURCE / "platforms", SOURCE / "packages")
    return any((place / path).exists() for place in places)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_path_of_ours_that_it_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    ours = ("src", "tests", "benchmarks", "scripts", *(each.name for each in SOURCE.iterdir()))
    # NAME stands for a platform's.
    named = {path for path in PATH.findall(text) if path.startswith(ours) and "NAME" not in path}
    assert {path for path in named if not exists(path)} == set()
