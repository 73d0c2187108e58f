"""How long a release still takes, and a place in the queue, are shown while they change."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from browser import PASSWORD, SECONDS, Site, serving
from command_line import CommandLine
from mprelease.domain.releases import Kind, Stage, StageState
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.services.context import ServiceContext
from mprelease.storage import queue, workers
from recorded_release import ADMIN, claimed, opened_services

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live_pages")]
PREVIEW = ReleaseRequest(app="shop", kind=Kind.PREVIEW)
USUAL = {Stage.CHECKOUT: 20_000, Stage.INSTALL: 1000, Stage.BUILD: 30_000, Stage.PUBLISH: 30_000}


@pytest.fixture
def site(cli: CommandLine, chromium: Browser) -> Iterator[Site]:
    """A site without a worker: the test acts as one."""
    with serving(cli, chromium, "--no-worker") as made:
        yield made


@pytest.fixture
def services(site: Site, cli: CommandLine, upload_key: str) -> Iterator[ServiceContext]:
    with opened_services(cli, upload_key) as made:
        yield made


def succeeded(services: ServiceContext) -> None:
    """Have a release whose stages took as long as usual."""
    done = claimed(services, releases.request(services, ADMIN, PREVIEW))
    lease = done.recorder._lease
    at = services.now()
    with services.database.writing() as db:
        for stage, took in USUAL.items():
            queue.start_stage(db, lease, stage, at)
            queue.end_stage(db, lease, stage, StageState.SUCCEEDED, at := at + took)
    done.end()


def test_the_rest_counts_down_and_a_place_in_the_queue_moves_up(
    site: Site, services: ServiceContext
) -> None:
    succeeded(services)
    with services.database.writing() as db:
        workers.register(db, "a-worker", ["default"], 1, "1")
    page = site.session("admin", PASSWORD, locale="en-US")
    runs, waits, last = (releases.request(services, ADMIN, PREVIEW.with_(ref=ref)) for ref in "abc")
    card = page.locator(f"#release-{waits}")
    expect(card.locator("[data-position-of]")).to_have_text("number 2 in the queue")
    expect(page.locator(f".strip [data-position-of='{last}']")).to_have_text(
        "number 3 in the queue"
    )
    running = claimed(services, runs)
    running.recorder.started(Stage.CHECKOUT)
    expect(card.locator("[data-position-of]")).to_have_text("number 1 in the queue")
    expect(card.get_by_role("link", name=f"#{runs}", exact=True)).to_be_visible()
    rest = page.locator(f".strip [data-progress='{runs}']")
    expect(rest).to_have_text(re.compile("about (7[5-9]|8[01]) s left"), timeout=SECONDS)
    expect(page.locator(f".strip [data-queue-of='{runs}']")).to_be_hidden()
    before = rest.inner_text()
    expect(rest).not_to_have_text(before)
    running.recorder.ended(Stage.CHECKOUT, StageState.SUCCEEDED)
    running.recorder.started(Stage.INSTALL)
    segment = page.locator(f"[data-rail='{runs}'] [data-segment=checkout]")
    expect(segment).to_have_class("segment-succeeded")
    running.end()
    expect(page.locator(f"#release-{runs} .state-succeeded")).to_be_visible()
    expect(card.get_by_role("link", name=f"#{runs}", exact=True)).to_be_hidden()
    expect(page.locator(f".strip [data-position-of='{last}']")).to_have_text(
        "number 2 in the queue"
    )


def test_all_pages_say_within_a_second_that_a_worker_lives_again(
    site: Site, services: ServiceContext
) -> None:
    page = site.session("admin", PASSWORD, locale="en-US")
    page.goto(f"{site.url}/apps/shop/settings")
    banner = page.locator("#unserved")
    expect(banner).to_contain_text("No worker takes releases with the label default")
    page.fill("#build_command", "npm run half-typed")
    with services.database.writing() as db:
        workers.register(db, "a-worker", ["default"], 1, "1")
    began = time.monotonic()
    expect(banner).not_to_contain_text("No worker")
    assert time.monotonic() - began < 4
    expect(page.locator("#build_command")).to_have_value("npm run half-typed")
    with services.database.writing() as db:
        workers.unregister(db, "a-worker")
    expect(banner).to_contain_text("No worker takes releases with the label default")
