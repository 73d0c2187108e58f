"""The page of storage, releases that are kept, and releases that wait for a full disk."""

from dataclasses import asdict

import pytest

from api_clients import api_client
from mprelease.domain.releases import State
from mprelease.domain.stores import RemovalReason, StoreName, StoreReport
from mprelease.domain.users import Role
from mprelease.services import releases
from mprelease.storage import workers
from web_clients import Site


@pytest.fixture
def kind() -> str:
    return "sqlite"


def with_worker(site: Site, *, low_disk: bool = False) -> None:
    reports = [
        StoreReport(StoreName.MIRRORS, 3, 5 << 20, 10 << 20, 90, {RemovalReason.ORPHAN: 2}, 1024),
        StoreReport(StoreName.LOGS, 40, 7 << 20, None, 180),
    ]
    unreadable = {"store": "of_a_newer_version", "items": 1}
    with site.services.database.writing() as db:
        workers.register(db, "builder-7", ["default"], 2, "0.1.0")
        workers.heartbeat(db, "builder-7", low_disk=low_disk)
        documents = [asdict(each) for each in reports]
        # What a newer version may have added to a known store.
        documents[0] |= {"new_field": 1}
        documents[0]["removed"] |= {"new_reason": 1}
        workers.report_stores(db, "builder-7", [*documents, unreadable])


def test_the_page_shows_what_takes_how_much_and_when_it_is_removed(site: Site) -> None:
    with_worker(site)
    page = site.logged_in(Role.ADMIN).client.get("/storage", headers={"accept-language": "en"}).text
    for text in ("builder-7", "5.00 MB", "beyond 10.00 MB", "no app uses it: 2", "180 days"):
        assert text in page
    assert "of_a_newer_version" not in page
    assert "new_reason" not in page


def test_the_button_asks_the_workers_to_clean(site: Site) -> None:
    with_worker(site)
    browser = site.logged_in(Role.ADMIN)
    browser.send("/storage/clean")
    with site.services.database.writing() as db:
        assert workers.heartbeat(db, "builder-7").cleanup
        assert not workers.heartbeat(db, "builder-7").cleanup
        workers.unregister(db, "builder-7")
    browser.client.headers["accept-language"] = "en"
    assert "No living worker" in browser.send("/storage/clean")


def test_a_release_is_kept_on_the_page_and_over_the_api(site: Site) -> None:
    with site.services.database.writing() as db:
        workers.register(db, "builder-7", ["default"], 2, "0.1.0")
    member = site.logged_in(Role.MEMBER)
    address = f"/releases/{site.first}"
    member.send(f"{address}/cancel")
    page = member.send(f"{address}/keep", kept="true")
    assert 'name="kept" value="false"' in page
    ci = api_client(site, Role.MEMBER)
    assert ci.call("GET", address)["kept"] is True
    assert ci.call("PUT", f"{address}/kept", json={"kept": False})["kept"] is False
    assert ci.call("PUT", "/releases/9999/kept", 404, json={"kept": True})


def test_a_queued_release_says_which_worker_waits_for_disk(site: Site) -> None:
    with site.services.database.reading() as db:
        assert releases.get(db, site.first).state is State.QUEUED
    viewer = site.logged_in(Role.VIEWER).client
    viewer.headers["accept-language"] = "en"
    with_worker(site)
    assert "Too little disk" not in viewer.get(f"/releases/{site.first}").text
    with_worker(site, low_disk=True)
    assert "Too little disk is free on builder-7" in viewer.get(f"/releases/{site.first}").text
