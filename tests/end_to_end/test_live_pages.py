"""What somebody does is seen by everybody else at once, whatever happens to the connection."""

import os
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import PASSWORD, SECONDS, Site, answers, free_port, serving
from command_line import CommandLine, wait_until
from forked_program import ForkedProgram
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Commit, Kind, Stage, StageState, State
from mprelease.domain.users import Role
from mprelease.pipeline.runner import Outcome
from mprelease.schemas.releases import ReleaseRequest
from mprelease.schemas.users import NewUser
from mprelease.services import releases, users
from mprelease.services.context import ServiceContext
from recorded_release import ADMIN, claimed, opened_services

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live_pages")]

# Set to 60 to sleep as long as a browser lets a hidden tab rest.
ASLEEP = float(os.environ.get("MPRELEASE_TEST_ASLEEP_SECONDS", "5"))
TALL = {"locale": "en-US", "viewport": {"width": 1280, "height": 4000}}
PREVIEW = ReleaseRequest(app="shop", kind=Kind.PREVIEW)
COMMIT = Commit("0123456789abcdef" * 2, "林", "feat: 首页", 1_790_000_000)


@pytest.fixture
def site(cli: CommandLine, chromium: Browser) -> Iterator[Site]:
    """A site without a worker: the test acts as one."""
    with serving(cli, chromium, "--no-worker") as made:
        yield made


@pytest.fixture
def services(site: Site, cli: CommandLine, upload_key: str) -> Iterator[ServiceContext]:
    with opened_services(cli, upload_key) as made:
        yield made


def shown(page: Page) -> list[str]:
    """Return the lines of a log that is short enough to be drawn whole."""
    return page.locator(".log .line > span").all_inner_texts()


def stored(page: Page) -> list[str]:
    """Return what the raw download says."""
    address = page.get_by_role("link", name="Raw log").get_attribute("href")
    return page.request.get(f"{page.url.split('/releases')[0]}{address}").text().splitlines()


def test_one_publishes_and_another_sees_it_begin_run_and_end(
    site: Site, services: ServiceContext
) -> None:
    users.add(services, ADMIN, NewUser(name="小王", role=Role.VIEWER, password=PASSWORD))
    publisher = site.session("admin", PASSWORD, locale="en-US")
    watcher = site.session("小王", PASSWORD, locale="en-US", viewport={"width": 390, "height": 800})
    home = watcher.context.new_page()
    home.goto(site.url)
    watcher.goto(f"{site.url}/apps/shop")
    expect(watcher.locator("#newest")).to_contain_text("No releases")
    marked = "document.documentElement.dataset.same = 'yes'"
    for page in (watcher, home):
        page.evaluate(marked)

    publisher.goto(f"{site.url}/apps/shop/preview")
    publisher.click("main form button.btn-primary")
    card, tile = watcher.locator("#release-1"), home.locator("#release-1")
    for one in (card, tile):
        expect(one.locator(".state-queued")).to_be_visible()
    expect(watcher.locator("#notes")).to_contain_text("admin · preview shop #1: queued")
    expect(home.locator("#running")).to_have_text(re.compile("1"))

    release = claimed(services, 1)
    release.recorder.started(Stage.CHECKOUT)
    for page in (watcher, home):
        expect(page.locator("#release-1 .state-running")).to_be_visible()
        expect(page.locator(".dot[data-app=shop]")).to_have_class("dot dot-running")
    release.recorder.checked_out(COMMIT)
    for one in (card, tile, publisher.locator("#state")):
        expect(one).to_contain_text("feat: 首页")
    stage = publisher.locator("[data-stage=checkout] [data-stage-time]")
    expect(stage).to_have_text(re.compile(r"[1-9]\.\d s"))
    release.write(["cloning"])
    release.end(State.CANCELED)
    for one in (card, tile, publisher.locator("#state")):
        expect(one.locator(".state-canceled")).to_be_visible()
    expect(publisher.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(publisher.locator(".log")).to_contain_text("cloning")
    expect(home.locator("#running")).to_have_text(re.compile("0"))
    for page in (watcher, home):
        assert page.evaluate("document.documentElement.dataset.same") == "yes", "it was reloaded"


def test_a_refused_key_leaves_no_stage_that_might_still_come(
    site: Site, services: ServiceContext
) -> None:
    """Issue 12, number 34: it showed four grey stages."""
    page = site.session("admin", PASSWORD, locale="en-US")
    page.goto(f"{site.url}/apps/shop/preview")
    page.click("main form button.btn-primary")
    expect(page.locator("[data-stage].pending")).to_have_count(4)
    release = claimed(services, 1)
    release.recorder.started(Stage.CHECKOUT)
    expect(page.locator("[data-stage].running")).to_have_count(1)
    release.recorder.ended(Stage.CHECKOUT, StageState.CANCELED)
    refused = ProblemDetail(Problem.KEY_REFUSED, {"app_id": "wx1"})
    release.recorder.finish(Outcome(State.FAILED, refused, Stage.PUBLISH))
    expect(page.locator("[data-stage]")).to_have_count(2)
    expect(page.locator("[data-stage=checkout].canceled")).to_contain_text("stopped")
    expect(page.locator("[data-stage=publish].failed")).to_contain_text("failed")
    page.goto(f"{site.url}/releases")
    expect(page.locator("#tasks .state-failed")).to_be_visible()


def test_the_log_goes_on_without_a_gap_or_a_double_when_the_server_has_died(
    cli: CommandLine, chromium: Browser, upload_key: str
) -> None:
    site = Site(f"http://127.0.0.1:{free_port()}", chromium, [])
    cli.extra["MPRELEASE_ADMIN_PASSWORD"] = PASSWORD
    server = served(site, cli)
    with opened_services(cli, upload_key) as services:
        release = claimed(services, requested(services))
        release.recorder.started(Stage.BUILD)
        release.write(f"module {number}" for number in range(1, 41))
        page = site.session("admin", PASSWORD, **TALL)
        page.goto(f"{site.url}/releases/{release.id}")
        expect(page.locator(".log")).to_contain_text("module 40")
        for round_ in range(1, 3):
            server.kill()
            server.communicate()
            expect(page.locator("[data-part=disconnected]")).to_be_visible()
            release.write(f"while it was dead {round_}.{number}" for number in range(30))
            server = served(site, cli)
            release.write(f"afterwards {round_}.{number}" for number in range(20))
            expect(page.locator(".log")).to_contain_text(f"afterwards {round_}.19", timeout=SECONDS)
            expect(page.locator("[data-part=disconnected]")).to_be_hidden()
        release.end()
        expect(page.locator("#state .state-succeeded")).to_be_visible()
        assert shown(page) == stored(page)
        assert len(shown(page)) == 40 + 2 * 50
        page.context.close()
    server.terminate()
    server.communicate()


def test_a_tab_that_slept_knows_everything_when_it_wakes(
    site: Site, services: ServiceContext
) -> None:
    release = claimed(services, requested(services))
    release.recorder.started(Stage.BUILD)
    release.write(["module 1"])
    page = site.session("admin", PASSWORD, **TALL)
    page.goto(f"{site.url}/releases/{release.id}")
    expect(page.locator(".log")).to_contain_text("module 1")
    state = page.context.new_cdp_session(page)
    state.send("Page.setWebLifecycleState", {"state": "frozen"})
    asleep_until = time.monotonic() + ASLEEP
    number = 1
    while time.monotonic() < asleep_until:
        number += 1
        release.write([f"module {number}"])
        time.sleep(ASLEEP / 50)
    release.end(State.FAILED)
    state.send("Page.setWebLifecycleState", {"state": "active"})
    expect(page.locator(".log")).to_contain_text(f"module {number}")
    expect(page.locator("#state .state-failed")).to_be_visible()
    assert shown(page) == stored(page) == [f"module {n}" for n in range(1, number + 1)]


def test_where_no_socket_passes_the_pages_ask(site: Site, services: ServiceContext) -> None:
    release = claimed(services, requested(services))
    release.recorder.started(Stage.BUILD)
    page = site.session("admin", PASSWORD, **TALL)
    page.route_web_socket(re.compile("/live$"), lambda socket: socket.close())
    page.goto(f"{site.url}/releases/{release.id}")
    for number in range(1, 4):
        release.write([f"module {number}"])
        expect(page.locator(".log")).to_contain_text(f"module {number}")
    release.end()
    expect(page.locator("#state .state-succeeded")).to_be_visible()
    assert shown(page) == stored(page)


HIDDEN = """
Object.defineProperty(document, "hidden", { get: () => true });
window.notices = [];
window.Notification = class extends EventTarget {
  static permission = "default";
  static async requestPermission() { Notification.permission = "granted"; }
  constructor(words) { super(); window.notices.push(words); }
};
"""


def test_who_has_asked_for_it_is_told_when_the_own_release_ends(
    site: Site, services: ServiceContext
) -> None:
    page = site.session("admin", PASSWORD, locale="en-US")
    page.add_init_script(HIDDEN)
    page.goto(f"{site.url}/apps/shop/preview")
    page.click("main form button.btn-primary")
    page.get_by_role("button", name="Tell me when it ends").click()
    expect(page.get_by_role("button", name="Tell me when it ends")).to_be_hidden()
    other = claimed(services, releases.request(services, ADMIN, PREVIEW.with_(robot=2)))
    expect(page.locator("#notes")).to_have_count(1)
    own = claimed(services, 1)
    other.end()
    own.end(State.FAILED)
    expect(page).to_have_title(re.compile("^✘ "))
    assert page.evaluate("notices") == ["preview shop #1: failed"]
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page).not_to_have_title(re.compile("^✘ "))


def requested(services: ServiceContext) -> int:
    return releases.request(services, ADMIN, PREVIEW)


def served(site: Site, cli: CommandLine) -> ForkedProgram:
    port = site.url.rpartition(":")[2]
    server = cli.fork("serve", "--port", port, "--no-worker")
    wait_until(lambda: answers(int(port)) or server.poll() is not None)
    assert server.poll() is None, server.communicate()[1]
    return server
