"""Issue 12, number 8: settings of a platform's tool come back as they were given, by every way."""

from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from mprelease.domain.platforms import Platform
from mprelease.domain.users import Actor, Role
from mprelease.platforms.registry import driver_of
from mprelease.platforms.settings import KnownSettings, Setting
from mprelease.schemas.apps import AppChange
from mprelease.schemas.validation import setting
from mprelease.services import apps
from mprelease.web.app_form import settings_shown, settings_typed
from web_clients import Site

BOSS = Actor("admin")


class Fields(HTMLParser):
    """What a browser would send of the forms of a page, untouched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        seen = dict(attrs)
        name = seen.get("name") or ""
        if tag == "select":
            self._select = name
        if tag == "option" and self._select and ("selected" in seen or not self._first()):
            self.values[self._select] = seen.get("value") or ""
        if tag == "input" and name and (seen.get("type") != "checkbox" or "checked" in seen):
            self.values[name] = seen.get("value") or ""
        if tag == "textarea" and name:
            self.values[name] = ""

    def _first(self) -> bool:
        return self._select in self.values

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""


def known(platform: Platform) -> KnownSettings:
    return driver_of(platform).settings


def values(platform: Platform) -> some.SearchStrategy[dict[str, Setting]]:
    """Any settings that one platform knows, with values of their types."""
    kinds = {bool: some.booleans(), int: some.integers(0, 10**9 - 1)}
    each = {name: kinds[kind] for name, kind in known(platform).types.items()}
    return some.fixed_dictionaries({}, optional=each)


cases = some.sampled_from(Platform).flatmap(
    lambda platform: some.tuples(some.just(platform), values(platform))
)


@given(cases)
def test_what_a_form_shows_is_what_it_sends(case: tuple[Platform, dict[str, Setting]]) -> None:
    platform, stored = case
    fields = dict.fromkeys((f"setting.{name}" for name in known(platform).types), "")
    fields |= settings_shown(stored, known(platform))
    sent = settings_typed(fields, known(platform), stored)
    assert {name: value for name, value in sent.items() if value is not None} == {
        name: str(value).lower() for name, value in stored.items()
    }
    assert known(platform).read({k: v for k, v in sent.items() if v is not None}) == stored


@given(cases)
def test_what_a_command_line_is_given_is_what_is_stored(
    case: tuple[Platform, dict[str, Setting]],
) -> None:
    platform, wanted = case
    for shown in (str, lambda value: str(value).lower()):
        typed = dict(setting(f"{name}={shown(value)}") for name, value in wanted.items())
        read = known(platform).read(typed)
        assert read == wanted
        assert [type(one) for one in read.values()] == [type(one) for one in wanted.values()]


@given(some.dictionaries(some.text(), some.booleans() | some.integers() | some.text()))
def test_whatever_an_older_version_has_stored_is_either_read_or_ignored(
    stored: dict[str, Setting],
) -> None:
    for platform in Platform:
        read, ignored = known(platform).effective(stored), known(platform).ignored(stored)
        assert {*read, *ignored} == {*stored}
        assert known(platform).read(read) == read


@pytest.mark.parametrize("kind", ["sqlite"])
@settings(
    deadline=None,
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(wanted=values(Platform.WECHAT))
def test_an_untouched_form_changes_nothing(site: Site, wanted: dict[str, Setting]) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    nothing = dict.fromkeys(known(Platform.WECHAT).types)
    change = AppChange(robot=1, compile_settings={**nothing, **wanted})
    before = apps.edit(site.services, BOSS, "shop", change)
    fields = Fields(boss.client.get("/apps/shop/settings").text).values
    answer = boss.client.post("/apps/shop/settings", data=fields)
    assert answer.status_code == 200
    assert 'role="alert"' not in answer.text
    with site.services.database.reading() as db:
        assert apps.get(db, "shop").build == before.build
    assert before.build.compile_settings == wanted


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_form_takes_away_what_is_left_empty(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    change = AppChange(compile_settings={"es6": False, "minify": True})
    apps.edit(site.services, BOSS, "shop", change)
    fields = Fields(boss.client.get("/apps/shop/settings").text).values
    boss.client.post("/apps/shop/settings", data={**fields, "setting.es6": ""})
    with site.services.database.reading() as db:
        assert apps.get(db, "shop").build.compile_settings == {"minify": True}
