"""The web application in this process, and browsers that use it, logged in or not."""

import re
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.testclient import TestClient

from mprelease.domain.platforms import Platform
from mprelease.domain.users import Actor, Role
from mprelease.schemas.apps import AppChange
from mprelease.services import apps
from mprelease.services.context import ServiceContext

PASSWORD = "correct horse battery"
NAMES = {role: f"a-{role}" for role in Role} | {Role.SUPER_ADMIN: "admin"}
HOST = "http://testserver"


@dataclass
class BrowserClient:
    """A browser, logged in or not; it keeps cookies."""

    client: TestClient

    def log_in(self, name: str, password: str = PASSWORD, **more: str) -> int:
        form = {"name": name, "password": password, **more}
        return self.client.post("/login", data=form, follow_redirects=False).status_code

    @property
    def csrf(self) -> str:
        """The secret that this login's forms carry."""
        found = re.search(r'"x-csrf": "([^"]+)"', self.client.get("/profile").text)
        assert found
        return found[1]

    def send(self, address: str, **form: str) -> str:
        """Send a form as the page does; return the page after all redirects."""
        answer = self.client.post(address, data={"csrf": self.csrf, **form})
        return answer.text


@dataclass
class Site:
    """The application, its services, and new browsers."""

    app: FastAPI
    services: ServiceContext
    # The number of the one release, a queued preview.
    first: int

    def anonymous(self) -> BrowserClient:
        return BrowserClient(TestClient(self.app, base_url=HOST, raise_server_exceptions=False))

    def at(self, address: str) -> BrowserClient:
        """Return a browser without a login, at this IP address."""
        client = TestClient(
            self.app, base_url=HOST, raise_server_exceptions=False, client=(address, 50_000)
        )
        return BrowserClient(client)

    def logged_in(self, role: Role) -> BrowserClient:
        client = self.anonymous()
        assert client.log_in(NAMES[role]) == 303
        return client


def without_csrf(page: str) -> str:
    """Remove what differs in each response, for comparisons: masked secrets of forms, the time."""
    return re.sub(r"[\w-]{100,}=*|data-now=\"\d+\"", "", page)


def has_twin(site: Site, upload_key: str) -> None:
    """Add a second app to the project."""
    twin = AppChange(
        name="twin", platform_app_id="wx0123456789abcdee", credential=upload_key.encode()
    )
    apps.add(site.services, Actor("admin"), "web", Platform.WECHAT, twin)
