"""A real browser in front of a running `mprelease serve`."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from command_line import CommandLine, wait_until
from needs import lack

# The shell without windows takes less processor time, and draws the same pages.
CHROMIUM = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
PASSWORD = "first-password"
SECONDS = 60_000


@dataclass
class Site:
    """A running `mprelease serve`, and browsers in front of it."""

    url: str
    chromium: Browser
    errors: list[str]

    def session(self, name: str, password: str, **options: object) -> Page:
        """Open a browser of its own and log in."""
        page = self.chromium.new_context(**{"locale": "zh-CN", **options}).new_page()  # type: ignore[arg-type]
        page.set_default_timeout(SECONDS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)
        page.goto(self.url)
        page.fill("#name", name)
        page.fill("#password", password)
        page.keyboard.press("Enter")
        page.wait_for_selector(".shell")
        return page

    def _hear(self, message: object) -> None:
        # A plain text names no icon; browsers then look for one at the usual place.
        place = getattr(message, "location", {}).get("url", "")
        if getattr(message, "type", "") == "error" and not place.endswith("/favicon.ico"):
            self.errors.append(str(getattr(message, "text", "")))


@contextmanager
def browsing() -> Iterator[Browser]:
    """Start the browser of this machine."""
    program = next(filter(Path.exists, CHROMIUM), None)
    if program is None:
        packages = "chromium-headless-shell fonts-noto-cjk"
        lack(f"chromium: apt-get install -y --no-install-recommends {packages}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@contextmanager
def serving(cli: CommandLine, chromium: Browser, *options: str) -> Iterator[Site]:
    """Serve the data folder; fail on errors of the server or of the browsers' consoles."""
    port = free_port()
    cli.extra["MPRELEASE_ADMIN_PASSWORD"] = PASSWORD
    served = cli.fork("serve", "--port", str(port), *options)
    wait_until(lambda: answers(port) or served.poll() is not None)
    assert served.poll() is None, served.communicate()[1]
    made = Site(f"http://127.0.0.1:{port}", chromium, [])
    with visited(made):
        yield made
    served.terminate()
    _, words = served.communicate(timeout=60)
    assert (served.returncode, "Traceback" in words) == (0, False), words


@contextmanager
def visited(site: Site) -> Iterator[Site]:
    """Close what was opened meanwhile; no page may have complained."""
    site.errors.clear()
    yield site
    # A page that goes on would complain that its server has gone.
    for context in site.chromium.contexts:
        context.close()
    assert not site.errors, site.errors


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def answers(port: int) -> bool:
    """Return whether a server listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
