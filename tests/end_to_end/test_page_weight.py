"""How much pages load from the server: in a new browser, and in one that was here before."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

import sample_data
from browser import PASSWORD, Site, serving
from command_line import CommandLine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.xdist_group("weight")]
COLD_KB, WARM_KB, STATIC_KB = 150, 25, 70


@dataclass
class Traffic:
    """What a page has loaded since `clear`: bytes on the wire by address, as Chromium counts."""

    page: Page
    _requests: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", lambda seen: self._add(seen, seen["request"]))
        session.on("Network.loadingFinished", self._add)

    def _add(self, seen: dict[str, Any], also: dict[str, Any] | None = None) -> None:
        self._requests.setdefault(seen["requestId"], {}).update({**seen, **(also or {})})

    def clear(self) -> None:
        self._requests.clear()

    @property
    def bytes_of(self) -> dict[str, int]:
        self.page.wait_for_load_state("networkidle")
        return {
            one["url"]: int(one["encodedDataLength"])
            for one in self._requests.values()
            if one.get("url", "").startswith("http") and one.get("encodedDataLength")
        }


@pytest.fixture
def filled_site(cli: CommandLine, chromium: Browser) -> Iterator[Site]:
    cli.must("releases")  # makes the master key
    services = sample_data.services_of(cli.data)
    sample_data.add_sample_data(services, cli.key)
    services.database.close()
    with serving(cli, chromium, "--no-worker") as made:
        yield made


def test_pages_load_little_and_no_static_file_twice(filled_site: Site) -> None:
    page = filled_site.chromium.new_context(locale="zh-CN").new_page()
    traffic = Traffic(page)
    page.goto(filled_site.url)
    page.fill("#name", "admin")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".shell")
    cold = traffic.bytes_of
    assert not any("/qr-code" in address for address in cold), "a code is loaded when it is opened"
    assert sum(cold.values()) / 1024 <= COLD_KB, cold
    assert sum(size for each, size in cold.items() if "/static/" in each) / 1024 <= STATIC_KB, cold

    page.goto(f"{filled_site.url}/releases/1")
    page.wait_for_load_state("networkidle")
    for address in ("/", "/releases/1"):
        page.goto(f"{filled_site.url}{address}")
        traffic.clear()
        page.reload()
        warm = traffic.bytes_of
        assert sum(warm.values()) / 1024 <= WARM_KB, warm
        assert not [each for each in warm if "/static/" in each]
