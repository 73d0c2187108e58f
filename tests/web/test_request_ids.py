"""Each request has an id: in the answer, in its log lines, and on pages that show our errors."""

import json
import logging
import re
from collections.abc import Iterator
from io import StringIO

import pytest

from mprelease import log_context
from mprelease.cli.log_format import formatter
from mprelease.domain.logs import LogFormat
from mprelease.domain.users import Role
from mprelease.services import sessions
from mprelease.web.pages import releases as pages
from web_clients import Site

HEADER = "x-request-id"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What mprelease logs as JSON."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(LogFormat.JSON))
    logger = logging.getLogger("mprelease")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a page with a mistake of ours."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pages, "page", fail)
    return "/releases"


def test_an_id_of_a_proxy_is_kept_if_it_is_harmless(site: Site) -> None:
    client = site.anonymous().client
    for given in ("4bf92f3577b34da6", "a.b_c:d-E", "x" * 64):
        assert client.get("/healthz", headers={HEADER: given}).headers[HEADER] == given
    for given in ("", "x" * 65, "a b", "<b>", "-a", "a\x1b[2J", "编号".encode(), '"'):
        answered = client.get("/healthz", headers={HEADER: given}).headers[HEADER]
        assert re.fullmatch("[0-9a-f]{16}", answered)


def test_every_answer_has_an_id_of_its_own(site: Site) -> None:
    browser = site.logged_in(Role.MEMBER)
    paths = ("/", "/releases", "/no/such/page", "/api/v1/releases", "/static/icon.svg", "/s/x")
    numbers = [browser.client.get(path).headers[HEADER] for path in paths]
    foreign = {"origin": "https://evil.example"}
    numbers.append(browser.client.post("/login", headers=foreign).headers[HEADER])
    assert len(set(numbers)) == len(paths) + 1


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("more", [{}, {"hx-request": "true"}])
def test_a_user_can_name_the_request_that_failed_by_our_mistake(
    site: Site, log: StringIO, broken: str, language: str, more: dict[str, str]
) -> None:
    browser = site.logged_in(Role.MEMBER)
    browser.client.cookies.set("language", language)
    answer = browser.client.get(broken, headers={HEADER: "the-one", **more})
    assert answer.status_code == 500
    assert answer.headers[HEADER] == "the-one"
    assert "<code>the-one</code>" in answer.text
    [line] = [json.loads(each) for each in log.getvalue().splitlines()]
    assert line["request_id"] == "the-one"
    assert line["message"] == f"GET {broken}"
    assert "ZeroDivisionError" in line["exception"]


def test_a_refusal_needs_no_number(site: Site) -> None:
    browser = site.logged_in(Role.MEMBER)
    answer = browser.client.get("/no/such/page", headers={HEADER: "the-one"})
    assert answer.status_code == 404
    assert "the-one" not in answer.text


def test_lines_of_the_threads_of_a_request_have_its_id(
    site: Site, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sessions.find

    def logged(*arguments: object) -> object:
        logging.getLogger("mprelease.services").warning("looking")
        return real(*arguments)

    browser = site.logged_in(Role.MEMBER)
    monkeypatch.setattr(sessions, "find", logged)
    browser.client.get("/", headers={HEADER: "first"})
    browser.client.get("/", headers={HEADER: "second"})
    lines = [json.loads(each) for each in log.getvalue().splitlines()]
    assert [line["request_id"] for line in lines] == ["first", "second"]
    assert log_context.request_id.get() is None
