"""What runs between a click on 预览 and the queued row is what docs/architecture.md says."""

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import mprelease
from mprelease.domain.users import Role
from web_clients import Site

SOURCE = Path(mprelease.__file__).parent
PAGE = SOURCE.parent.parent / "docs/architecture.md"
CLICK, ROW = "web/pages/apps.py release", "storage/releases.py add"


def name_of(frame: FrameType) -> str | None:
    """Name a function of ours by its file; a comprehension is part of the function around it."""
    file, name = frame.f_code.co_filename, frame.f_code.co_qualname
    if not file.startswith(f"{SOURCE}/") or name.endswith(">"):
        return None
    return f"{file.removeprefix(f'{SOURCE}/')} {name}"


def callers(frame: FrameType | None) -> Iterator[str]:
    while frame:
        if name := name_of(frame):
            yield name
        frame = frame.f_back


def traced(site: Site) -> tuple[list[str], set[str]]:
    """Send the form of a preview; return the calls that lead to its row, and all that ran."""
    chain: list[str] = []
    ran: list[str] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event != "call" or chain or not (name := name_of(frame)):
            return
        if ran or name == CLICK:
            ran.append(name)
        if name == ROW:
            chain.extend([*callers(frame)][::-1])

    visitor = site.logged_in(Role.MEMBER)
    before = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        visitor.send("/apps/shop/preview", ref="main")
    finally:
        threading.setprofile(None)
        sys.setprofile(before)
    return chain, set(ran)


def test_the_way_from_the_click_to_the_row_is_the_documented_one(site: Site) -> None:
    chain, ran = traced(site)
    page = PAGE.read_text(encoding="utf-8")
    documented = re.search(r"queued row.*?```\n(.*?)```", page, re.DOTALL)
    counted = re.search(r"(\d+) functions in (\d+) files", page)
    assert documented
    assert counted
    assert chain == [" ".join(line.split()) for line in documented[1].splitlines()]
    most_functions, most_files = map(int, counted.groups())
    assert len(ran) <= most_functions, sorted(ran)
    assert len({name.split()[0] for name in ran}) <= most_files
