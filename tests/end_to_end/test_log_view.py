"""The log of a release in a real browser: long, live, hostile, on a telephone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from browser import PASSWORD, Site, serving, visited
from command_line import CommandLine
from mprelease.domain.releases import Stage, State
from mprelease.services.context import ServiceContext
from recorded_release import RecordedRelease, opened_services, recording

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("log_view")]

EVIL = '<img src=x onerror="document.title=1"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def site_of_module(cli_of_module: CommandLine, chromium: Browser) -> Iterator[Site]:
    """A server without a worker: the tests write what one would."""
    with serving(cli_of_module, chromium, "--no-worker") as made:
        yield made


@pytest.fixture(scope="module")
def services(
    site_of_module: Site, cli_of_module: CommandLine, upload_key: str
) -> Iterator[ServiceContext]:
    assert site_of_module
    with opened_services(cli_of_module, upload_key) as made:
        yield made


@pytest.fixture
def site(site_of_module: Site) -> Iterator[Site]:
    with visited(site_of_module) as made:
        yield made


@pytest.fixture
def release(services: ServiceContext) -> Iterator[RecordedRelease]:
    with recording(services) as made:
        yield made


def opened(site: Site, release: RecordedRelease, fragment: str = "", **options: object) -> Page:
    """Log in and open the release; return as soon as everything written so far has arrived."""
    high = {"width": 1280, "height": 1600}
    page = site.session("admin", PASSWORD, **{"locale": "en-US", "viewport": high, **options})
    page.goto(f"{site.url}/releases/{release.id}{fragment}")
    page.wait_for_selector(".log-view[data-complete]")
    return page


def line(page: Page, number: int) -> Locator:
    return page.locator(f'.log .line:has(> a[href="#L1-{number}"])')


def top_of(page: Page, number: int) -> float:
    box = line(page, number).bounding_box()
    assert box
    return box["y"]


def test_of_fifty_thousand_lines_only_those_that_one_sees_are_drawn(
    site: Site, release: RecordedRelease
) -> None:
    release.stage(Stage.INSTALL, (f"package {number}" for number in range(1, 20_001)))
    release.stage(Stage.BUILD, (f"module {number} 中文" for number in range(1, 30_001)))
    release.end()
    page = opened(site, release, "#L1-31234")
    assert page.evaluate("performance.now()") < 10_000, "a tenth of it when nothing else runs"
    expect(line(page, 31234)).to_have_class("line linked")
    expect(line(page, 31234)).to_be_in_viewport()
    expect(line(page, 31234)).to_contain_text("module 11234 中文")
    for key, number in (("End", 50_000), ("Home", 1)):
        page.locator(".log").press(key)
        expect(line(page, number)).to_be_in_viewport()
        assert page.locator(".log .line").count() < 2000
    page.evaluate("location.hash = '#L1-49000'")
    expect(line(page, 49_000)).to_be_in_viewport()
    line(page, 49_002).locator("a").click()
    assert page.url.endswith("#L1-49002")
    expect(page.locator(".linked")).to_contain_text("module 29002")


def test_a_search_counts_the_lines_and_goes_round_through_them(
    site: Site, release: RecordedRelease
) -> None:
    lines = [f"step {number}" for number in range(1, 5001)]
    for number in (1000, 3000, 5000):
        lines[number - 1] = f"\x1b[31mErr\x1b[0mor (a.b) at {number}"
    release.stage(Stage.BUILD, lines)
    release.end()
    page = opened(site, release)
    field, count = page.locator(".log-search input"), page.locator(".log-search output")
    field.fill("error (A.B)")
    expect(count).to_have_text("1 / 3")
    expect(line(page, 1000)).to_be_in_viewport()
    marked = "[...CSS.highlights.get('log-current')].map((one) => one.endOffset - one.startOffset)"
    assert len(page.evaluate(marked)) == 1, "also across colours"
    for key, number, words in (
        ("Enter", 3000, "2 / 3"),
        ("Enter", 5000, "3 / 3"),
        ("Enter", 1000, "1 / 3"),
        ("Shift+Enter", 5000, "3 / 3"),
    ):
        field.press(key)
        expect(count).to_have_text(words)
        expect(line(page, number)).to_be_in_viewport()
        expect(line(page, number)).to_have_class("line current")
    page.get_by_role("button", name="Previous match").click()
    expect(count).to_have_text("2 / 3")
    field.fill("axb")
    expect(count).to_have_text("no match")
    field.fill("")
    expect(count).to_have_text("")


def test_a_stage_folds_tells_its_time_and_unfolds_for_a_link(
    site: Site, release: RecordedRelease
) -> None:
    release.stage(Stage.CHECKOUT, ["cloning"])
    release.stage(Stage.BUILD, [f"module {number}" for number in range(1, 1001)])
    release.stage(Stage.PUBLISH, ["sending"])
    release.end()
    page = opened(site, release)
    build = page.get_by_role("button", name="build")
    expect(build).to_have_attribute("aria-expanded", "true")
    expect(build.locator("small")).to_have_text(re.compile(r"^\d+\.\d s$"))
    page.evaluate("document.querySelector('.log').scrollTop = 5000")
    build.press("Enter")
    expect(build).to_have_attribute("aria-expanded", "false")
    expect(build).to_be_in_viewport()
    expect(line(page, 1)).to_be_visible()
    expect(line(page, 1002)).to_be_visible()
    page.evaluate("location.hash = '#L1-700'")
    expect(line(page, 700)).to_be_in_viewport()
    expect(build).to_have_attribute("aria-expanded", "true")


def test_the_end_is_followed_until_one_scrolls_up_and_then_nothing_moves(
    site: Site, release: RecordedRelease
) -> None:
    release.recorder.started(Stage.BUILD)
    release.write(f"module {number}" for number in range(1, 501))
    page = opened(site, release)
    follow, new = page.get_by_label("Follow"), page.locator(".log-new")
    expect(line(page, 500)).to_be_in_viewport()
    release.write(["module 501"])
    expect(line(page, 501)).to_be_in_viewport()

    page.locator(".log").hover()
    page.mouse.wheel(0, -3000)
    expect(follow).not_to_be_checked()
    expect(line(page, 501)).not_to_be_in_viewport()
    first = page.evaluate("document.querySelector('.log').scrollTop")
    release.write(f"\x1b[33mmodule\x1b[0m {'wide ' * 60}{number}" for number in range(502, 902))
    expect(new).to_have_text("New lines: 400 ↓")
    assert page.evaluate("document.querySelector('.log').scrollTop") == first
    new.click()
    expect(line(page, 901)).to_be_in_viewport()
    expect(new).to_be_hidden()
    expect(follow).to_be_checked()

    follow.click()
    release.write(["module 902", "module 903"])
    expect(new).to_have_text("New lines: 2 ↓")
    release.end(State.CANCELED)
    expect(follow).to_be_hidden()
    page.locator(".log").press("End")
    expect(line(page, 903)).to_be_in_viewport()
    expect(new).to_be_hidden()
    numbers = page.locator(".log .line > a").all_inner_texts()
    assert numbers == [str(903 - len(numbers) + place + 1) for place in range(len(numbers))]


def test_the_line_that_one_reads_stays_when_lines_are_wrapped_or_not(
    site: Site, release: RecordedRelease
) -> None:
    words = ("短", "a word " * 70, "中文字符" * 90, "\x1b[1mbold\x1b[0m")
    release.stage(Stage.BUILD, (f"{number} {words[number % 4]}" for number in range(1, 4001)))
    release.end()
    page = opened(site, release, "#L1-3001")
    wrap = page.get_by_label("Wrap lines")
    expect(line(page, 3001)).to_be_in_viewport()
    page.evaluate("document.querySelector('.linked').scrollIntoView({ block: 'start' })")
    for _ in range(2):
        before = top_of(page, 3001)
        wrap.click()
        settled(page)
        assert abs(top_of(page, 3001) - before) <= 2
    page.set_viewport_size({"width": 700, "height": 1600})
    settled(page)
    assert abs(top_of(page, 3001) - top_of_box(page)) <= 3
    wrap.click()
    page.reload()
    expect(wrap).not_to_be_checked()


def test_what_is_hostile_stays_text_on_a_telephone_too(
    site: Site, release: RecordedRelease
) -> None:
    release.stage(Stage.BUILD, [EVIL, f"\x1b[31m{EVIL}\x1b]8;;javascript:1\x07link\x1b]8;;\x07"])
    release.stage(Stage.PUBLISH, ["x" * 2**20 + " end", "after"])
    release.end()
    page = opened(site, release, viewport={"width": 390, "height": 800})
    expect(line(page, 1).locator("span").first).to_have_text(EVIL)
    expect(line(page, 2).locator(".c1")).to_have_text([EVIL, "link"])
    assert page.locator(".log img, .log script").count() == 0
    assert len(line(page, 3).inner_text()) < 30_000
    line(page, 3).get_by_role("button").click()
    expect(line(page, 3)).to_contain_text("xxx end")
    page.locator(".log").press("End")
    expect(line(page, 4)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_colours_are_those_of_a_terminal(site: Site, release: RecordedRelease) -> None:
    release.stage(
        Stage.BUILD,
        [
            "plain \x1b[1;91mbright\x1b[22m still red\x1b[0m none",
            "\x1b[38;5;208morange\x1b[48;2;1;2;300mon blue\x1b[m",
            "\x1b[2K\x1b[1Gdrawn \x1b(Banew\x07",
        ],
    )
    release.end()
    page = opened(site, release)
    shown = "(row) => row.children[1].innerHTML"
    first, second, third = (line(page, number).evaluate(shown) for number in (1, 2, 3))
    red = '<span class="bold c9">bright</span><span class="c9"> still red</span>'
    assert first == f"plain {red} none"
    orange, on_blue = "color: rgb(255, 135, 0);", "background-color: rgb(1, 2, 44);"
    words = f'<span style="{orange}">orange</span><span style="{orange} {on_blue}">on blue</span>'
    assert second == words
    assert third == "drawn anew"


def test_without_scripts_the_log_is_a_link_to_its_text(
    site: Site, release: RecordedRelease
) -> None:
    release.stage(Stage.BUILD, ["one", "中文"])
    page = site.session("admin", PASSWORD, locale="en-US", java_script_enabled=False)
    page.goto(f"{site.url}/releases/{release.id}")
    expect(page.locator(".log-search")).to_be_hidden()
    page.locator(".log-bar").get_by_role("link", name="Raw log").click()
    expect(page.locator("body")).to_have_text("one\n中文\n")


def settled(page: Page) -> None:
    """Return after what follows a change of the layout has been drawn."""
    frames = "async () => { for (let n = 0; n < 10; n++) await new Promise(requestAnimationFrame) }"
    page.evaluate(frames)


def top_of_box(page: Page) -> float:
    box = page.locator(".log").bounding_box()
    assert box
    return box["y"]
