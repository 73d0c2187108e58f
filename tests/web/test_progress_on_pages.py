"""Pages and the live socket show how long a release takes, and what a queued one waits for."""

import re

import pytest

from mprelease.domain.releases import Kind, Stage, StageState, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.storage import queue, workers
from mprelease.storage.queue import Lease
from mprelease.storage.tables import stages
from web_clients import Site

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])
BOSS = Actor("admin")
PREVIEW = ReleaseRequest(app="shop", kind=Kind.PREVIEW)
USUAL = {Stage.CHECKOUT: 1000, Stage.INSTALL: 2000, Stage.BUILD: 8000, Stage.PUBLISH: 9000}
PLACES = ("/", "/apps/shop", "/releases/{id}")


def claimed(site: Site, number: int) -> Lease:
    lease = queue.claim(site.services.database, number, "worker", f"token {number}")
    assert lease
    return lease


def succeeded(site: Site, number: int) -> None:
    """End a release whose stages took as long as usual."""
    lease = claimed(site, number)
    with site.services.database.writing() as db:
        at = 1000
        for stage, took in USUAL.items():
            queue.start_stage(db, lease, stage, at)
            queue.end_stage(db, lease, stage, StageState.SUCCEEDED, at := at + took)
        queue.end(db, lease, State.SUCCEEDED)


def running(site: Site, since: int) -> int:
    """Return a release whose first stage took as usual, and whose second runs since `since` ms."""
    number = releases.request(site.services, BOSS, PREVIEW)
    lease, now = claimed(site, number), site.services.now()
    with site.services.database.writing() as db:
        queue.write(db, lease, started_at=now - since - 1000)
        queue.start_stage(db, lease, Stage.CHECKOUT, now - since - 1000)
        queue.end_stage(db, lease, Stage.CHECKOUT, StageState.SUCCEEDED, now - since)
        queue.start_stage(db, lease, Stage.INSTALL, now - since)
    return number


@pytest.fixture
def usual(site: Site) -> Site:
    with site.services.database.writing() as db:
        workers.register(db, "worker", ["default"], 2, "1")
    succeeded(site, site.first)
    return site


@pytest.mark.parametrize("address", PLACES)
def test_a_running_release_shows_its_rail_and_what_remains(usual: Site, address: str) -> None:
    number = running(usual, 500)
    text = usual.logged_in(Role.VIEWER).client.get(address.format(id=number)).text
    assert re.search(rf'data-progress="{number}">还需约 (18|19) 秒<', text)
    widths = [
        int(each) for each in re.findall(r'class="rail-track" x="\d+" y="0" width="(\d+)"', text)
    ]
    assert len(widths) == 4
    assert widths == sorted(widths)
    done = [
        int(each) for each in re.findall(r'class="rail-done" x="\d+" y="0" width="(\d+)"', text)
    ]
    assert done[0] == widths[0]
    assert 0 < done[1] < widths[1]
    assert done[2:] == [0, 0]


@pytest.mark.parametrize("address", PLACES)
def test_a_release_that_takes_long_says_how_much_longer(usual: Site, address: str) -> None:
    number = running(usual, 59_000)
    text = usual.logged_in(Role.VIEWER).client.get(address.format(id=number)).text
    assert re.search(rf'data-progress="{number}">比平时慢 3 倍<', text)


def test_the_first_release_of_an_app_has_a_rail_and_no_promise(site: Site) -> None:
    claimed(site, site.first)
    text = site.logged_in(Role.VIEWER).client.get(f"/releases/{site.first}").text
    assert f'data-progress="{site.first}"></strong>' in text
    widths = set(re.findall(r'class="rail-track" x="\d+" y="0" width="(\d+)"', text))
    assert len(widths) == 1


@pytest.mark.parametrize("address", PLACES)
def test_a_queued_release_shows_its_place_and_links_what_it_waits_for(
    usual: Site, address: str
) -> None:
    number = running(usual, 0)
    waits = releases.request(usual.services, BOSS, PREVIEW)
    text = usual.logged_in(Role.VIEWER).client.get(address.format(id=waits)).text
    assert f'data-position-of="{waits}">排在第 1 位<' in text
    assert re.search(rf'等待结束：\s*<a href="/releases/{number}">#{number}</a>', text)
    assert re.search(rf'data-progress="{waits}">开始后约需 20 秒<', text)


def test_every_page_says_that_no_worker_takes_a_label_until_one_does(site: Site) -> None:
    viewer = site.logged_in(Role.VIEWER).client
    words = "现在没有执行机接受标签 default 的任务"
    for address in (*PLACES, "/releases", "/profile"):
        text = viewer.get(address.format(id=site.first)).text
        assert words in text
        assert "1 个任务在等待" in text
    with site.services.database.writing() as db:
        workers.register(db, "worker", ["default"], 2, "1")
    assert words not in viewer.get("/").text
    with site.services.database.writing() as db:
        workers.drain(db, "worker", draining=True)
    assert words in viewer.get("/").text


def test_programs_get_estimate_and_place(usual: Site) -> None:
    number = running(usual, 500)
    waits = releases.request(usual.services, BOSS, PREVIEW)
    client = usual.logged_in(Role.VIEWER).client
    shown = client.get(f"/api/v1/releases/{number}").json()
    estimate = shown["estimate"]
    assert (estimate["expected_ms"], estimate["samples"]) == (20_000, 1)
    assert estimate["stages_ms"] == dict(USUAL)
    assert 17_000 < estimate["remaining_ms"] <= 18_500
    assert shown["queue"] is None
    waiting = client.get(f"/api/v1/releases/{waits}").json()
    expected = {"position": 1, "label": "default", "reason": "release", "release": number}
    assert waiting["queue"] == expected
    assert waiting["estimate"]["remaining_ms"] == 20_000
    listed = client.get("/api/v1/releases").json()["items"]
    assert [one["queue"] for one in listed] == [expected, None, None]
    assert listed[-1]["estimate"] is None, "it has ended"


def test_the_socket_has_estimates_the_queue_and_labels_without_a_worker(usual: Site) -> None:
    number = running(usual, 500)
    waits = releases.request(usual.services, BOSS, PREVIEW)
    browser = usual.logged_in(Role.VIEWER)
    with browser.client, browser.client.websocket_connect("/api/v1/live") as socket:
        socket.send_json({"states": True})
        message = socket.receive_json()
        by_id = {one["id"]: one for one in message["states"]}
        assert by_id[number]["estimate"]["expected_ms"] == 20_000
        assert by_id[waits]["queue"]["release"] == number
        assert message["queue"] == {str(waits): 1}
        assert message["unserved"] == []
        with usual.services.database.writing() as db:
            workers.drain(db, "worker", draining=True)
        message = socket.receive_json()
        assert message["unserved"] == ["default"]


def test_stages_that_never_ended_do_not_count(site: Site) -> None:
    lease = claimed(site, site.first)
    with site.services.database.writing() as db:
        queue.start_stage(db, lease, Stage.CHECKOUT, 5)
        queue.end(db, lease, State.SUCCEEDED)
        assert db.connection.execute(stages.select()).first()
    number = running(site, 500)
    text = site.logged_in(Role.VIEWER).client.get(f"/releases/{number}").text
    assert f'data-progress="{number}"></strong>' in text
