"""Clients of the API, with a user's token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.testclient import TestClient

from mprelease.domain.users import Role
from mprelease.services import sessions, users
from web_clients import NAMES, Site

API = "/api/v1"


@dataclass(frozen=True)
class ApiClient:
    """A client of the API with a user's token."""

    client: TestClient
    token: str

    def call(self, method: str, address: str, status: int = 200, **more: Any) -> Any:
        headers: Mapping[str, str] = {
            "authorization": f"Bearer {self.token}",
            "accept-language": "en",
            **more.pop("headers", {}),
        }
        answer = self.client.request(method, f"{API}{address}", headers=headers, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


def api_client(site: Site, role: Role) -> ApiClient:
    with site.services.database.reading() as db:
        user = users.by_name(db, NAMES[role])
    token = sessions.add_token(site.services, user, "ci", 7)
    return ApiClient(site.anonymous().client, token)
