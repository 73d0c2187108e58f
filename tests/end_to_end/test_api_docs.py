"""The interactive document of the API in a real browser, under the site's own rules."""

import pytest
from playwright.sync_api import expect

from browser import PASSWORD, SECONDS, Site

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_whoever_is_logged_in_tries_the_api_as_oneself(site: Site) -> None:
    page = site.session("admin", PASSWORD)
    page.goto(f"{site.url}/profile")
    page.click("a[href='/api/docs']")
    page.click("#operations-users-me_api_v1_me_get .opblock-summary-control")
    page.click("text=Try it out")
    page.click("button.execute")
    expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text(
        "200", timeout=SECONDS
    )
    # As a form of this login, and not as one of a foreign site.
    create = "#operations-projects-create_api_v1_projects_post"
    page.click(f"{create} .opblock-summary-control")
    page.click(f"{create} .try-out__btn")
    page.fill(f"{create} .body-param__text", '{"name": "tried", "repository": "/srv/tried.git"}')
    page.click(f"{create} button.execute")
    answer = page.locator(f"{create} .live-responses-table tbody .response-col_status")
    expect(answer.first).to_contain_text("201", timeout=SECONDS)
