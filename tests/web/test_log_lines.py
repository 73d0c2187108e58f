"""The lines of a log as the page's script asks for them, and as text."""

from collections.abc import Sequence

import pytest

from databases import KINDS
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.releases import Stage
from mprelease.domain.users import Actor, Role
from mprelease.services import releases
from mprelease.storage import logs
from web_clients import BrowserClient, Site


def write(site: Site, first: Position, stage: Stage, texts: Sequence[str]) -> None:
    lines = [
        LogLine(Position(first.attempt, number), 0, stage, text)
        for number, text in enumerate(texts, start=first.line)
    ]
    with site.services.database.writing() as db:
        logs.append(db, site.first, lines)


def lines_of(
    site: Site, browser: BrowserClient, start: Position
) -> list[tuple[int, int, str, str]]:
    """Ask until there is no more, as the page does."""
    lines: list[tuple[int, int, str, str]] = []
    has_more = True
    while has_more:
        address = f"/releases/{site.first}/lines?attempt={start.attempt}&line={start.line}"
        answer = browser.client.get(address).json()
        for attempt, first, stage, texts in answer["passages"]:
            numbered = enumerate(texts, start=first)
            lines += [(attempt, number, stage, text) for number, text in numbered]
            start = Position(*lines[-1][:2])
        has_more = answer["more"]
    return lines


@pytest.mark.parametrize("kind", KINDS)
def test_the_lines_behind_any_position_come_each_once(site: Site) -> None:
    write(site, Position(1, 1), Stage.BUILD, ["a", "b <i>", "c 中文"])
    write(site, Position(1, 4), Stage.PUBLISH, ["d"])
    write(site, Position(2, 1), Stage.CHECKOUT, ["e"])
    whole = [
        (1, 1, "build", "a"),
        (1, 2, "build", "b <i>"),
        (1, 3, "build", "c 中文"),
        (1, 4, "publish", "d"),
        (2, 1, "checkout", "e"),
    ]
    viewer = site.logged_in(Role.VIEWER)
    for count, start in enumerate([Position(0, 0), *(Position(*line[:2]) for line in whole)]):
        assert lines_of(site, viewer, start) == whole[count:]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_long_log_comes_in_several_answers(site: Site) -> None:
    texts = [f"line {number}" for number in range(1, 25_001)]
    for first in range(1, 25_001, 1000):
        write(site, Position(1, first), Stage.BUILD, texts[first - 1 : first + 999])
    write(site, Position(1, 25_001), Stage.BUILD, ["x" * 5_000_000, "last"])
    viewer = site.logged_in(Role.VIEWER)
    answer = viewer.client.get(f"/releases/{site.first}/lines").json()
    assert sum(len(passage[3]) for passage in answer["passages"]) == 10_000
    assert [text for *_, text in lines_of(site, viewer, Position(0, 0))][:25_000] == texts


@pytest.mark.parametrize("kind", ["sqlite"])
def test_it_is_over_when_the_release_has_ended_and_the_last_line_is_told(site: Site) -> None:
    viewer = site.logged_in(Role.VIEWER)
    address = f"/releases/{site.first}/lines"
    write(site, Position(1, 1), Stage.BUILD, ["only"])
    assert not viewer.client.get(address).json()["over"]
    releases.cancel(site.services, Actor("admin"), site.first)
    assert viewer.client.get(address).json()["over"]
    assert viewer.client.get(f"{address}?line=-1").status_code == 422
    assert viewer.client.get("/releases/99999/lines").status_code == 404


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_whole_log_is_shown_as_text(site: Site) -> None:
    write(site, Position(1, 1), Stage.BUILD, ["\x1b[31mred\x1b[0m", "<b>中文</b>"])
    answer = site.logged_in(Role.VIEWER).client.get(f"/releases/{site.first}/log.txt")
    assert answer.text == "red\n<b>中文</b>\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
