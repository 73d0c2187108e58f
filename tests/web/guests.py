"""People in front of the pages, each with a browser of their own."""

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
class Visitor:
    """A browser, logged in or not."""

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
        """Send a form as the page would, and return what comes in the end."""
        answer = self.client.post(address, data={"csrf": self.csrf, **form})
        return answer.text


@dataclass
class World:
    """The application, and as many browsers as are wanted."""

    app: FastAPI
    services: ServiceContext
    # The number of the one release, a queued preview.
    first: int

    def stranger(self) -> Visitor:
        return Visitor(TestClient(self.app, base_url=HOST, raise_server_exceptions=False))

    def at(self, address: str) -> Visitor:
        """A browser that nobody knows, at an address of its own."""
        client = TestClient(
            self.app, base_url=HOST, raise_server_exceptions=False, client=(address, 50_000)
        )
        return Visitor(client)

    def session_of(self, role: Role) -> Visitor:
        made_visitor = self.stranger()
        assert made_visitor.log_in(NAMES[role]) == 303
        return made_visitor


def without_csrf(page: str) -> str:
    """What two pages of one login may have in common: each masks the secret of forms anew."""
    return re.sub(r"[\w-]{100,}=*", "", page)


def has_twin(world: World, upload_key: str) -> None:
    """Add a second app to the project."""
    twin = AppChange(
        name="twin", platform_app_id="wx0123456789abcdee", credential=upload_key.encode()
    )
    apps.add(world.services, Actor("admin"), "web", Platform.WECHAT, twin)
