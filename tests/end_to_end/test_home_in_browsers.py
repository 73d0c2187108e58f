"""The home page with 100 apps, and the form of a release, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

import sample_data
from browser import PASSWORD, SECONDS, Site, serving, visited
from command_line import CommandLine
from mprelease.domain.codes import UNLIMITED, lasting
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, State
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases
from mprelease.services.context import ServiceContext
from mprelease.storage import queue
from mprelease.storage import releases as stored

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("home")]
BOSS = Actor("admin")
PHONE = {"width": 390, "height": 844}
FAVOURITES = 8


def add_apps(services: ServiceContext, key: str) -> None:
    for number in range(100):
        project = f"项目-{number // 10}"
        if not number % 10:
            change = ProjectChange(name=project, repository=f"/srv/{number}", default_branch="main")
            projects.add(services, BOSS, change)
        new = AppChange(
            name=f"小程序-{number:02d}", platform_app_id=f"wx{number:016d}", credential=key.encode()
        )
        apps.add(services, BOSS, project, Platform.WECHAT, new)
        if number < FAVOURITES:
            add_codes(services, f"小程序-{number:02d}")


def add_codes(services: ServiceContext, app: str) -> None:
    for kind in Kind:
        wanted = ReleaseRequest(app=app, kind=kind, ref="feature/pay-sheet")
        number = releases.request(services, sample_data.LIN, wanted)
        lease = queue.claim(services.database, number, "worker", f"token {number}")
        assert lease
        with services.database.writing() as db:
            queue.end(db, lease, State.SUCCEEDED)
            lifetime = lasting(minutes=25) if kind is Kind.PREVIEW else UNLIMITED
            stored.put_qr_code(db, number, b"image", "image/png", services.now(), lifetime)


@pytest.fixture(scope="module")
def served(cli_of_module: CommandLine, chromium: Browser) -> Iterator[Site]:
    cli_of_module.must("releases")  # makes the master key
    services = sample_data.services_of(cli_of_module.data)
    add_apps(services, cli_of_module.key)
    services.database.close()
    with serving(cli_of_module, chromium, "--no-worker") as made:
        yield made


@pytest.fixture
def site(served: Site) -> Iterator[Site]:
    with visited(served) as made:
        yield made


def star_all(page: Page, site: Site) -> None:
    for number in range(FAVOURITES):
        page.goto(f"{site.url}/?q=小程序-{number:02d}")
        star = page.locator(".star")
        if "starred" not in (star.get_attribute("class") or ""):
            star.click()
            expect(page.locator("#done")).to_be_visible(timeout=SECONDS)


def test_favourites_end_within_two_screens_of_a_phone(site: Site) -> None:
    page = site.session("admin", PASSWORD, viewport=PHONE)
    star_all(page, site)
    page.goto(site.url)
    section = page.locator(".matrix-section").first
    expect(section.locator(".matrix-row")).to_have_count(FAVOURITES)
    box = section.bounding_box()
    assert box
    assert box["y"] + box["height"] <= 2 * PHONE["height"]
    small = page.evaluate(
        "[...document.querySelectorAll('.main .btn, .star')].filter((one) => one.checkVisibility()"
        " && one.getBoundingClientRect().height < 36).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert small == []


def test_a_search_acts_at_once_and_what_was_typed_stays(site: Site) -> None:
    page = site.session("admin", PASSWORD)
    page.keyboard.press("/")
    page.keyboard.type("小程序-97")
    rows = page.locator("#home .matrix-row")
    expect(rows).to_have_count(1, timeout=SECONDS)
    expect(rows).to_contain_text("小程序-97")
    assert "q=" in page.url
    expect(page.locator("[data-search]")).to_have_value("小程序-97")
    page.fill("[data-search]", "pay-sheet")
    expect(rows).to_have_count(FAVOURITES, timeout=SECONDS)
    page.fill("[data-search]", "")
    page.wait_for_url(f"{site.url}/")


def test_a_section_stays_as_it_was_left(site: Site) -> None:
    page = site.session("admin", PASSWORD)
    last = page.locator(".matrix-section[data-section]").last
    assert last.locator(".matrix-row").count() == 0
    last.locator("summary").click()
    expect(last.locator(".matrix-row")).to_have_count(10, timeout=SECONDS)
    page.reload()
    expect(last.locator(".matrix-row")).to_have_count(10, timeout=SECONDS)
    last.locator("summary").click()
    # Browsers send the event a moment after the click.
    page.wait_for_function("/folds=[^;]*-/.test(document.cookie)")
    page.reload()
    expect(last).not_to_have_attribute("open", re.compile(".*"))


def test_one_click_leads_to_a_release_of_the_shown_branch(site: Site) -> None:
    page = site.session("admin", PASSWORD)
    page.goto(f"{site.url}/?q=小程序-03")
    page.locator(".m-preview button.btn-primary").click()
    page.wait_for_url(re.compile(r"/releases/\d+$"))
    expect(page.locator("#state")).to_contain_text("feature/pay-sheet")


def test_the_theme_is_the_systems_light_or_dark(site: Site) -> None:
    page = site.session("admin", PASSWORD, color_scheme="dark")
    theme = page.locator("[data-theme-switch]")
    shown = [page.evaluate("document.documentElement.dataset.bsTheme")]
    for _ in range(3):
        theme.click()
        shown.append(page.evaluate("document.documentElement.dataset.bsTheme"))
    assert shown == ["dark", "light", "dark", "dark"]
    assert theme.get_attribute("title") == "主题：跟随系统"


def test_the_first_stop_of_the_tab_key_leads_to_the_content(site: Site) -> None:
    page = site.session("admin", PASSWORD)
    page.goto(f"{site.url}/workers")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_refs_are_chosen_with_the_keyboard(site: Site) -> None:
    page = site.session("admin", PASSWORD)
    listed = '<div role="group"><div role="option" id="o1" data-value="main">main</div>'
    listed += '<div role="option" id="o2" data-value="feature/b">feature/b</div></div>'
    page.route("**/refs?box=1*", lambda route: route.fulfill(body=listed))
    page.goto(f"{site.url}/apps/小程序-00/preview")
    field = page.locator("#ref")
    field.fill("feat")
    expect(page.locator("#refs [role=option]:visible")).to_have_count(1, timeout=SECONDS)
    field.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == "o2"
    field.press("Enter")
    expect(field).to_have_value("feature/b")
    assert field.get_attribute("aria-expanded") == "false"
    field.press("ArrowDown")
    field.press("Escape")
    expect(page.locator(".ref-list")).to_be_hidden()
