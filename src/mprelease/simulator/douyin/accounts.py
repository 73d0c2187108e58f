"""The apps that the simulated Douyin knows, and who may act for them."""

import hmac
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from mprelease.simulator.douyin import rejections
from mprelease.simulator.douyin.rejections import Refusal
from mprelease.simulator.treatment import Treatment


@dataclass(frozen=True)
class _Member:
    password: str
    apps: frozenset[str]


class Accounts(Treatment[Refusal]):
    """Decide whom to believe; safe to use from many threads."""

    def __init__(self) -> None:
        """Begin without any app."""
        super().__init__()
        self._tokens: dict[str, str] = {}
        self._members: dict[str, _Member] = {}
        self._sessions: dict[str, str] = {}

    def register(self, app_id: str, token: str) -> None:
        """Make an app known, or replace its token."""
        self._tokens[app_id] = token

    def enroll(self, email: str, password: str, apps: Collection[str]) -> None:
        """Make a person known who may act for apps."""
        self._members[email] = _Member(password, frozenset(apps))

    def log_in(self, email: str, password: str) -> str | None:
        """Return a new session, or None for a stranger."""
        member = self._members.get(email)
        if member is None or not _same(member.password, password):
            return None
        session = secrets.token_hex(16)
        with self._lock:
            self._sessions[session] = email
        return session

    def member_of(self, headers: Mapping[str, str]) -> str | None:
        """Return the e-mail address of whoever is logged in."""
        return self._sessions.get(_cookies(headers).get("sessionid_microapp", ""))

    def admit(self, app_id: str, headers: Mapping[str, str]) -> None:
        """Raise Rejected unless a call carries the app's token, or a session of one of its people.

        A session travels in three cookies at once.
        """
        refusal = self.refusal_of(app_id)
        token = self._tokens.get(app_id)
        if token is None or refusal is Refusal.UNKNOWN_APP:
            raise rejections.unknown_app()
        by_token = headers.get("x-cli-appid") == app_id and _same(
            headers.get("x-cli-token", ""), token
        )
        if refusal is Refusal.TOKEN_EXPIRED or not (by_token or self._by_session(app_id, headers)):
            raise rejections.not_logged_in()

    def _by_session(self, app_id: str, headers: Mapping[str, str]) -> bool:
        if "x-cli-token" in headers:
            return False
        cookies = _cookies(headers)
        names = ("sessionid_microapp", "sessionid", "sessionid_dy_open")
        sessions = {cookies.get(name) for name in names}
        email = self._sessions.get(sessions.pop() or "") if len(sessions) == 1 else None
        return email is not None and app_id in self._members[email].apps


def _cookies(headers: Mapping[str, str]) -> Mapping[str, str]:
    try:
        parsed = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in parsed.items()}


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
