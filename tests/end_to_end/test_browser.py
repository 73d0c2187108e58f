"""The platform as people see it: a real browser, the real tool, a simulated WeChat."""

import io
import os
import re
import subprocess
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from browser import PASSWORD, SECONDS, Site
from command_line import APP_ID, CommandLine, wait_until
from mprelease.simulator.wechat import WeChat
from repositories import make_repository

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("wechat_tool"),
    pytest.mark.xdist_group("browser"),
]

BRANCH = "feature/a-long-name-that-somebody-typed-without-thinking-of-telephones"
FILES = {
    "project.config.json": "{}",
    "app.json": '{"pages":["pages/a","pages/b"]}',
    "app.js": "App({})",
    **{f"pages/{page}.js": "Page({})" for page in "ab"},
    **{f"pages/{page}.wxml": "<view>你好</view>" for page in "ab"},
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that the first command makes."""
    return tmp_path / "data"


def code_in(page: Page) -> str:
    """Read the QR code that the page shows."""
    picture = page.wait_for_selector("img.qr-large")
    assert picture
    # As soon as wait_for_function waits, it needs `unsafe-eval`, which the pages forbid.
    drawn = "document.querySelector('img.qr-large').naturalWidth > 0"
    wait_until(lambda: page.evaluate(drawn))
    [found] = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.screenshot())))
    return str(found.text)


def test_from_an_empty_database_to_qr_codes_and_a_viewer_who_only_looks(
    site: Site, wechat: WeChat, cli: CommandLine, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "mini", FILES, "feat: <b>首页</b>")
    subprocess.run(
        ("git", "-C", str(repository), "branch", BRANCH), check=True, env=dict(os.environ)
    )
    page = site.session("admin", PASSWORD)
    page.goto(f"{site.url}/projects")
    page.fill("#name", "商城")
    page.fill("#repository", str(repository))
    page.click("main form button.btn-primary")
    page.click("text=添加小程序")
    page.fill("#name", "商城-微信")
    page.fill("#platform_app_id", APP_ID)
    page.fill("#key", cli.key)
    page.click("form[enctype] > button.btn-primary")
    page.click("text=设置")
    page.click("text=测试密钥")
    expect(page.locator("#checked .alert-success")).to_be_visible(timeout=SECONDS)

    page.goto(f"{site.url}/apps/商城-微信")
    page.click("main a:has-text('预览')")
    page.click("#ref")
    page.locator(f"#refs [data-value='{BRANCH}']").first.click()
    expect(page.locator("#ref")).to_have_value(BRANCH)
    page.fill("#start_page", "pages/b")
    page.click("details.advanced > summary")
    page.fill("#query", "x=1")
    page.click("main form button.btn-primary")
    expect(page.locator(".log")).to_contain_text("首页", timeout=SECONDS)
    assert "http" in code_in(page)
    assert wechat.received[0].launch.start_page == "pages/b"

    page.goto(f"{site.url}/apps/商城-微信/upload")
    page.click("main form button.btn-primary")
    expect(page.locator("#state .state-succeeded")).to_be_visible(timeout=SECONDS)
    version = page.locator("dd", has_text=re.compile(r"^\d+\.\d+\.\d+\.\d+$")).inner_text()
    assert wechat.received[1].version == version

    page.goto(f"{site.url}/users")
    page.fill("form input[name=name]", "小王")
    page.select_option("form select[name=role]", "viewer")
    page.click("main form button.btn-primary")
    password = page.inner_text("#new-password")
    viewer = site.session("小王", password, viewport={"width": 390, "height": 800})
    viewer.goto(f"{site.url}/releases/1")
    assert code_in(viewer) == code_in_of(page, site, 1)
    assert viewer.locator("main form[method=post]").count() == 1, "the one of logging out"
    width = viewer.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "nothing sticks out of a telephone"
    refused = viewer.context.request.get(f"{site.url}/apps/商城-微信/preview")
    assert refused.status == 403


def code_in_of(page: Page, site: Site, release: int) -> str:
    page.goto(f"{site.url}/releases/{release}")
    return code_in(page)


@pytest.mark.light_tool
def test_a_running_release_is_canceled_by_a_click_and_its_log_stays(
    site: Site, cli: CommandLine, tmp_path: Path
) -> None:
    files = {**FILES, "package.json": '{"scripts":{"build":"echo \\u001b[31mslow && sleep 120"}}'}
    cli.has_app(make_repository(tmp_path / "slow", files), "--output", ".")
    page = site.session("admin", PASSWORD, color_scheme="dark", locale="en-US")
    assert page.get_attribute("html", "data-bs-theme") == "dark"
    page.goto(f"{site.url}/apps/shop/preview")
    page.click("main form button.btn-primary")
    expect(page.locator(".log .c1").get_by_text("slow", exact=True)).to_be_visible(timeout=SECONDS)
    page.click("text=Cancel")
    expect(page.locator("#state .badge")).to_have_text("canceled", timeout=SECONDS)
    expect(page.locator(".log")).to_contain_text("slow")
