"""The page of an app in a browser: filters that act at once, and the board."""

from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

import sample_data
from browser import PASSWORD, serving
from command_line import CommandLine
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, State

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NAME = sample_data.APPS[Platform.WECHAT][0]
APP = quote(f"/apps/{NAME}")


def rows(page: Page) -> list[str]:
    return page.locator(".release-row").evaluate_all("rows => rows.map((row) => row.id)")


def test_filters_act_at_once_and_the_board_is_marked(cli: CommandLine, chromium: Browser) -> None:
    cli.must("releases")  # makes the master key
    services = sample_data.services_of(cli.data)
    sample_data.add_sample_data(services, cli.key)
    with serving(cli, chromium, "--no-worker") as site:
        page = site.session("admin", PASSWORD)
        page.goto(f"{site.url}{APP}")
        page.evaluate("window.before = true")
        assert len(rows(page)) == 3
        page.select_option("[name=state]", "failed")
        expect(page.locator(".release-row")).to_have_count(1)
        assert "state=failed" in page.url
        page.select_option("[name=state]", "")
        page.get_by_role("searchbox").fill("改版")
        page.get_by_role("searchbox").press_sequentially("x")
        expect(page.locator(".release-row")).to_have_count(0)
        page.get_by_role("searchbox").fill("ALONG")
        page.get_by_role("searchbox").fill("A-LONG-name")
        expect(page.locator(".release-row")).to_have_count(3)
        # A release that ends meanwhile appears in the filtered list, and what is typed stays.
        page.get_by_role("searchbox").fill("a-long")
        made = sample_data.released(services, Platform.WECHAT, Kind.UPLOAD, State.SUCCEEDED)
        expect(page.locator(f"#release-{made}")).to_be_visible()
        expect(page.locator(f"#board a[href='/releases/{made}']")).to_be_visible()
        assert page.get_by_role("searchbox").input_value() == "a-long"
        assert page.evaluate("window.before")  # it was never loaded again
        page.get_by_role("button", name="标记为体验版").first.click()
        expect(page.locator("#board .state-succeeded")).to_have_text("体验版")
    services.database.close()
