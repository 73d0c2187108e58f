"""One code at a time, in a real browser: buttons, the overlay, the countdown, the end of a code."""

import io
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import sample_data
from browser import PASSWORD, SECONDS, Site, serving, visited
from command_line import CommandLine, wait_until
from mprelease.domain.codes import ending
from mprelease.domain.releases import Release, State
from mprelease.platforms.images import draw_qr_code
from mprelease.schemas.apps import AppChange
from mprelease.services import apps
from mprelease.services.context import ServiceContext
from mprelease.storage import queue
from mprelease.storage import releases as stored

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("codes")]

APP = quote("/apps/商城-微信")
PAGES = (
    "/",
    APP,
    quote("/apps/商城-支付宝"),
    "/releases",
    *(f"/releases/{each}" for each in range(1, 9)),
)
WIDTHS = (390, 1280)
PREVIEW, ENDED = 1, 3


@pytest.fixture(scope="module")
def services(cli_of_module: CommandLine) -> Iterator[ServiceContext]:
    cli_of_module.must("releases")  # makes the master key
    services = sample_data.services_of(cli_of_module.data)
    yield services
    services.database.close()


@pytest.fixture(scope="module")
def shared(cli_of_module: CommandLine, services: ServiceContext) -> str:
    return sample_data.add_sample_data(services, cli_of_module.key)


@pytest.fixture(scope="module")
def served(cli_of_module: CommandLine, shared: str, chromium: Browser) -> Iterator[Site]:
    assert shared
    with serving(cli_of_module, chromium, "--no-worker") as made:
        yield made


@pytest.fixture
def site(served: Site) -> Iterator[Site]:
    with visited(served) as made:
        yield made


def codes_on(page: Page) -> list[str]:
    """Read all QR codes of the whole page, also those below the fold."""
    loaded = "Promise.all([...document.images].map((image) => image.decode()))"
    page.evaluate(f"() => {loaded}.then(() => null)")
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    larger = picture.resize((picture.width * 2, picture.height * 2))
    found = {
        each.text
        for image in (picture, larger)
        for each in zxingcpp.read_barcodes(image)
        if each.text
    }
    return sorted(found)


def expires(services: ServiceContext, release: int, seconds: float) -> None:
    """Let the code of a release end so many seconds from now."""
    image = draw_qr_code(f"https://example.com/trial?release={release}")
    now = services.now()
    with services.database.writing() as db:
        end = ending(now + round(1000 * seconds))
        stored.put_qr_code(db, release, image, "image/png", now - 600_000, end)


def address_of(release: int) -> str:
    return f"https://example.com/trial?release={release}"


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_has_more_than_one_code(site: Site, width: int) -> None:
    page = site.session("admin", PASSWORD, viewport={"width": width, "height": 844})
    for path in PAGES:
        page.goto(f"{site.url}{path}")
        found = codes_on(page)
        assert len(found) <= 1, path
        if not path.startswith("/releases/"):
            assert found == [], path
    page.goto(f"{site.url}/releases/{PREVIEW}")
    assert codes_on(page) == [address_of(PREVIEW)]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_button_opens_one_large_code_with_its_meaning_and_closing_removes_it(
    site: Site, width: int
) -> None:
    page = site.session("admin", PASSWORD, viewport={"width": width, "height": 844})
    page.wait_for_load_state()
    page.locator(f"#home a[data-code='{PREVIEW}']").first.click()
    dialog = page.locator("#code-dialog")
    expect(dialog.locator(".qr-large")).to_be_visible(timeout=SECONDS)
    assert codes_on(page) == [address_of(PREVIEW)]
    for shown in ("商城-微信", "预览", sample_data.LONG_REF, "3f2c9a7e", "还剩", "有效期至"):
        expect(dialog).to_contain_text(shown)
    box = dialog.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    with page.expect_download() as saved:
        dialog.get_by_text("保存").click()
    assert saved.value.suggested_filename.startswith("商城-微信")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.locator("img.qr").count() == 0
    assert page.evaluate("document.activeElement.dataset.code") == str(PREVIEW)


def test_without_scripts_a_button_leads_to_the_code(site: Site) -> None:
    page = site.session("admin", PASSWORD)
    state = page.context.storage_state()
    plain = site.chromium.new_context(
        java_script_enabled=False, storage_state=state, locale="zh-CN"
    ).new_page()
    plain.goto(site.url)
    plain.locator(f"#home a[data-code='{PREVIEW}']").first.click()
    plain.wait_for_url(f"**/releases/{PREVIEW}/code")
    assert codes_on(plain) == [address_of(PREVIEW)]
    plain.goto(f"{site.url}/releases/{ENDED}")
    expect(plain.locator(".code-over")).to_contain_text("已过期")
    assert codes_on(plain) == []


def test_a_code_counts_down_and_cannot_be_scanned_after_its_end(
    site: Site, services: ServiceContext
) -> None:
    page = site.session("admin", PASSWORD)
    expires(services, PREVIEW, 8)
    page.goto(f"{site.url}/releases/{PREVIEW}")
    left = page.locator(".code-panel [data-left]")
    expect(left).to_contain_text("0:0")
    first = left.inner_text()
    assert codes_on(page) == [address_of(PREVIEW)]
    page.wait_for_function(
        "before => document.querySelector('.code-panel [data-left]').textContent !== before",
        arg=first,
    )
    expect(left).to_have_text("已过期", timeout=SECONDS)
    expect(page.locator(".code-over").get_by_role("button", name="重新生成")).to_be_visible()
    assert codes_on(page) == []
    page.goto(site.url)
    entry = page.locator(f".code-entry:has([data-code='{PREVIEW}'])").first
    expect(entry).to_have_class("code-entry code-ended")
    page.wait_for_load_state()
    page.locator(f"#home a[data-code='{PREVIEW}']").first.click()
    expect(page.locator("#code-dialog .code-over")).to_be_visible()
    assert codes_on(page) == []
    page.locator("#code-dialog").get_by_role("button", name="重新生成").click()
    page.wait_for_selector("#state .state-queued")
    again = newest(services)
    assert page.url == f"{site.url}/releases/{again.id}"
    assert (again.ref, again.shown_ref) == (sample_data.COMMIT.id, sample_data.LONG_REF)


def test_an_open_shared_page_renews_its_code_if_the_app_allows_it(
    site: Site, shared: str, services: ServiceContext
) -> None:
    change = AppChange(renew_shared_codes=True)
    apps.edit(services, sample_data.LIN, "商城-微信", change)
    before = newest(services).id
    expires(services, PREVIEW, 4)
    page = site.chromium.new_context(locale="zh-CN").new_page()
    page.goto(f"{site.url}/s/{shared}")
    assert codes_on(page) == [address_of(PREVIEW)]
    wait_until(lambda: newest(services).id > before)
    renewal = newest(services)
    assert renewal.requested_by == sample_data.LIN.name
    lease = queue.claim(services.database, renewal.id, "builder-1", "token of a renewal")
    assert lease
    expires(services, renewal.id, 600)
    with services.database.writing() as db:
        queue.end(db, lease, State.SUCCEEDED)
    expect(page.locator(".code-panel")).to_contain_text("还剩 9:", timeout=SECONDS)
    assert codes_on(page) == [address_of(renewal.id)]


def newest(services: ServiceContext) -> Release:
    with services.database.reading() as db:
        return stored.newest(db, None, 1)[0]
