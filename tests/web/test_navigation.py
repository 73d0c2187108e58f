"""The links of the sidebar and the rows of the home page: drawn once, and never outdated."""

import re

from mprelease.domain.users import Role
from mprelease.web import rendering
from web_clients import Site


def current(page: str) -> list[str]:
    """Return the links that are marked as the shown page."""
    return re.findall(r'<a href="([^"]+)" aria-current="page">', page)


def test_the_link_to_the_shown_page_is_marked_alone(site: Site) -> None:
    client = site.logged_in(Role.SUPER_ADMIN).client
    for address in ("/releases", "/apps/shop", "/users"):
        assert current(client.get(address).text) == [address]
    assert current(client.get("/").text) == []
    assert current(client.get("/releases").text) == ["/releases"], "the kept links have no mark"


def test_what_a_role_may_not_see_is_not_kept_for_it(site: Site) -> None:
    for role, sees in ((Role.SUPER_ADMIN, True), (Role.VIEWER, False), (Role.SUPER_ADMIN, True)):
        page = site.logged_in(role).client.get("/").text
        assert ('href="/users"' in page) is sees
        assert ('href="/apps/shop/preview"' in page) is sees


def test_each_reader_has_the_links_in_the_own_language(site: Site) -> None:
    client = site.logged_in(Role.SUPER_ADMIN).client
    for language, word in (("zh-CN", "执行机"), ("en", "Workers"), ("zh-CN", "执行机")):
        page = client.get("/", headers={"accept-language": language}).text
        assert f">{word}</a>" in page


def test_a_change_is_seen_at_once(site: Site) -> None:
    browser = site.logged_in(Role.SUPER_ADMIN)
    before = browser.client.get("/").text
    browser.send("/apps/shop/preview", ref="main", environment="production", robot="1")
    after = browser.client.get("/").text
    newest = re.compile(r'data-app="shop"\s+data-newest="(\d+)"')
    assert newest.findall(before) != newest.findall(after)


def test_what_has_not_changed_is_drawn_once(site: Site) -> None:
    client = site.logged_in(Role.SUPER_ADMIN).client
    client.get("/")
    drawn = rendering._links.cache_info().misses, rendering._drawn_row.cache_info().misses
    client.get("/")
    client.get("/users")
    assert (rendering._links.cache_info().misses, rendering._drawn_row.cache_info().misses) == drawn
