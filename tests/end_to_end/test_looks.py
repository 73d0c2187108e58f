"""Every page in a real browser: whole, readable for everybody, in both languages and themes.

MPRELEASE_SHOTS=folder keeps a picture of each.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

import sample_data
from browser import PASSWORD, SECONDS, Site, serving, visited
from command_line import CommandLine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("looks")]

APP = quote("/apps/商城-微信")
PAGES = {
    "home": "/",
    "app": APP,
    "app-nothing": f"{APP}?ref=nowhere",
    "app-search": f"{APP}?q=main",
    "app-trends": f"{APP}/trends",
    "app-activity": f"{APP}/activity",
    "board": quote("/projects/商城/board"),
    "preview": f"{APP}/preview",
    "upload": quote("/apps/商城-支付宝/upload"),
    "several": quote("/projects/商城/release"),
    "release": "/releases/1",
    "release-finish": "/releases/3",
    "release-failed": "/releases/5",
    "release-unknown": "/releases/6",
    "release-running": "/releases/7",
    "release-queued": "/releases/8",
    "projects": "/projects",
    "project": quote("/projects/商城"),
    "project-empty": quote("/projects/空项目"),
    "settings": f"{APP}/settings",
    "new-alipay": quote("/projects/商城/new-app") + "?platform=alipay",
    "new-douyin": quote("/projects/商城/new-app") + "?platform=douyin",
    "tasks": "/releases",
    "tasks-nothing": "/releases?ref=nowhere",
    "users": "/users",
    "workers": "/workers",
    "audit": "/audit",
    "profile": "/profile",
    "not-found": "/nowhere",
}
LOOKS = {
    "desktop-light-zh": {"locale": "zh-CN", "viewport": {"width": 1280, "height": 800}},
    "desktop-dark-en": {
        "locale": "en-US",
        "color_scheme": "dark",
        "viewport": {"width": 1280, "height": 800},
    },
    "phone-light-zh": {"locale": "zh-CN", "viewport": {"width": 360, "height": 800}},
}

# What may differ between two looks of one page: colours, what scrolls, and whether what only a
# phone shows has a name. Everything else is looked at once.
WHOLE, *_ = LOOKS
RULES_OF_LOOKS = ["color-contrast", "scrollable-region-focusable", "button-name", "link-name"]


def filled(cli: CommandLine) -> str:
    """Fill the database; return the key of a shared QR code."""
    cli.must("releases")  # makes the master key
    services = sample_data.services_of(cli.data)
    key = sample_data.add_sample_data(services, cli.key)
    services.database.close()
    return key


@pytest.fixture(scope="module")
def shared(cli_of_module: CommandLine) -> str:
    return filled(cli_of_module)


@pytest.fixture(scope="module")
def site_of_module(cli_of_module: CommandLine, shared: str, chromium: Browser) -> Iterator[Site]:
    assert shared
    with serving(cli_of_module, chromium, "--no-worker") as made:
        yield made


@pytest.fixture
def full_site(site_of_module: Site) -> Iterator[Site]:
    """A site that every test only reads."""
    with visited(site_of_module) as made:
        yield made


@pytest.fixture
def own_site(cli: CommandLine, chromium: Browser) -> Iterator[Site]:
    """A site that a test may change."""
    filled(cli)
    with serving(cli, chromium, "--no-worker") as made:
        yield made


def kept(page: Page, look: str, name: str) -> None:
    if folder := os.environ.get("MPRELEASE_SHOTS"):
        page.screenshot(path=Path(folder) / look / f"{name}.png", full_page=True)


def violations(page: Page, look: str) -> list[str]:
    """List the serious violations of accessibility rules on a page."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if look != WHOLE:
        options["runOnly"] = {"type": "rule", "values": RULES_OF_LOOKS}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['target']} {' '.join(each['message'] for each in node['any'])}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def sticks_out(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


STICKING_OUT = """
() => [...document.querySelectorAll('.card')].flatMap((card) => {
  const edge = card.getBoundingClientRect().right;
  const parts = card.querySelectorAll('select, input:not([type=hidden]), .btn, .badge, code');
  const far = [...parts].filter((part) => part.getBoundingClientRect().right > edge
    && !part.closest('.table-responsive, pre'));
  const squeezed = [...card.querySelectorAll('.btn, .badge, .avatar-letter')].filter(
    (part) => part.scrollWidth > part.clientWidth + 1);
  return [...far, ...squeezed].filter((part) => part.checkVisibility())
    .map((part) => part.outerHTML.slice(0, 80));
})
"""


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_whole_and_readable_for_everybody(
    full_site: Site, shared: str, look: str
) -> None:
    stranger = full_site.chromium.new_context(**LOOKS[look]).new_page()  # type: ignore[arg-type]
    page = full_site.session("admin", PASSWORD, **LOOKS[look])
    visits = [(stranger, "login", "/login"), (stranger, "shared", f"/s/{shared}")]
    visits += [(page, name, address) for name, address in PAGES.items()]
    flaws: list[str] = []
    for browser, name, address in visits:
        answer = browser.goto(f"{full_site.url}{address}", wait_until="load")
        assert answer
        assert answer.status == (404 if name == "not-found" else 200), name
        expect(browser.locator(".htmx-request")).to_have_count(0, timeout=SECONDS)
        kept(browser, look, name)
        if sticks_out(browser):
            flaws.append(f"{name}: sticks out")
        flaws += [f"{name}: out of its card {part}" for part in browser.evaluate(STICKING_OUT)]
        flaws += [f"{name}: {flaw}" for flaw in violations(browser, look)]
    # A page that is not there is the one thing that a browser complains about here.
    full_site.errors[:] = [error for error in full_site.errors if "404" not in error]
    assert not flaws, "\n".join(flaws)


def test_a_phone_shows_how_each_release_of_the_list_stands(full_site: Site) -> None:
    """Issue 12, number 34: the column of the state was out of sight."""
    page = full_site.session("admin", PASSWORD, viewport={"width": 390, "height": 800})
    page.goto(f"{full_site.url}/releases")
    badges = page.locator("#tasks .badge[data-state-of]")
    assert badges.count() == 8
    for badge in badges.all():
        box = badge.bounding_box()
        assert box
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    inside = "document.querySelector('.table-responsive')"
    assert page.evaluate(f"{inside}.scrollWidth <= {inside}.clientWidth"), "nothing is hidden"


KB = 1024


def loaded(page: Page, address: str) -> dict[str, int]:
    """Go somewhere, and return what came over the network: bytes by path."""
    paths: dict[str, str] = {}
    came: dict[str, int] = {}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on(
        "Network.responseReceived",
        lambda event: paths.update({event["requestId"]: urlsplit(event["response"]["url"]).path}),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: came.update(
            {paths.get(event["requestId"], "?"): int(event["encodedDataLength"])}
        ),
    )
    page.goto(address, wait_until="networkidle")
    session.detach()
    return {path: count for path, count in came.items() if count}


def test_a_page_that_was_seen_costs_little_the_next_time(full_site: Site) -> None:
    """Issue 12, number 34: modules were loaded anew on each page; these are design §9's limits."""
    page = full_site.chromium.new_context(locale="zh-CN").new_page()
    page.context.add_cookies(full_site.session("admin", PASSWORD).context.cookies())
    cold = loaded(page, full_site.url)
    assert sum(cold.values()) <= 150 * KB, cold
    warm = loaded(page, full_site.url)
    assert not [path for path in warm if path.startswith("/static/")], warm
    assert sum(warm.values()) <= 25 * KB, warm
    loaded(page, f"{full_site.url}/releases/1")
    again = loaded(page, f"{full_site.url}/releases/1")
    assert not [path for path in again if path.startswith("/static/")], again
    assert sum(again.values()) <= 25 * KB, again


def test_what_deletes_asks_first_without_a_script(own_site: Site) -> None:
    """Issue 12, number 34: without a script nothing asked; and no question named anything."""
    page = own_site.session("admin", PASSWORD)
    page = page.context.browser.new_context(  # type: ignore[union-attr]
        java_script_enabled=False, storage_state=page.context.storage_state(), locale="zh-CN"
    ).new_page()
    page.goto(f"{own_site.url}{APP}/settings")
    button = page.get_by_role("button", name="删除“商城-微信”")
    expect(button).to_be_hidden()
    page.locator("details.ask > summary").click()
    expect(page.locator(".ask-panel")).to_contain_text("wx0123456789abcdef")
    button.click()
    page.wait_for_url(quote(f"{own_site.url}/projects/商城", safe=":/"))
    expect(page.locator("#done")).to_have_text("小程序“商城-微信”已删除，它的发布任务会保留。")


def tab_to(page: Page, what: str) -> None:
    """Press Tab until something has the focus, and can be seen to have it."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", what):
            style = "(({outlineStyle, boxShadow}) => outlineStyle + boxShadow)"
            shown = page.evaluate(f"{style}(getComputedStyle(document.activeElement))")
            assert shown != "nonenone", f"{what} does not show that it has the focus"
            return
    pytest.fail(f"no Tab leads to {what}")


def test_a_release_is_asked_for_and_canceled_by_keyboard_alone(own_site: Site) -> None:
    page = own_site.session(sample_data.LIN.name, sample_data.PASSWORD)
    tab_to(page, f"a[href='{APP}/preview']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/preview")
    tab_to(page, "#ref")
    page.keyboard.press("Control+A")
    page.keyboard.type("feature/by-hand")
    tab_to(page, "main form .btn-primary")
    page.keyboard.press("Space")
    page.wait_for_url("**/releases/9")
    expect(page.locator("#state")).to_contain_text("feature/by-hand")
    tab_to(page, "#state .btn-outline-danger")
    page.keyboard.press("Enter")
    expect(page.locator("#state .state-canceled")).to_be_visible(timeout=SECONDS)
    tab_to(page, ".who summary")
    page.keyboard.press("Enter")
    tab_to(page, ".who form button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login*")
