"""The registered apps and users of the simulated Douyin: tokens, passwords and sessions."""

import hmac
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from threading import Lock

from mprelease.simulator.douyin import protocol
from mprelease.simulator.vendor_service import Fault, Faults


@dataclass(frozen=True)
class _User:
    password: str
    apps: frozenset[str]


class Accounts:
    """The registered apps and users; a change takes effect with the next call. Thread-safe."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._tokens: dict[str, str] = {}
        self._users: dict[str, _User] = {}
        self._sessions: dict[str, str] = {}
        self._lock = Lock()

    def register(self, app_id: str, token: str) -> None:
        """Add an app, or replace its token."""
        self._tokens[app_id] = token

    def add_user(self, email: str, password: str, apps: Collection[str]) -> None:
        """Add a user with rights to some apps, or replace password and rights."""
        self._users[email] = _User(password, frozenset(apps))

    def log_in(self, email: str, password: str) -> str | None:
        """Return a new session, or None if e-mail address or password are wrong."""
        user = self._users.get(email)
        if user is None or not _same(user.password, password):
            return None
        session = secrets.token_hex(16)
        with self._lock:
            self._sessions[session] = email
        return session

    def logged_in_user(self, headers: Mapping[str, str]) -> str | None:
        """Return the e-mail address of the session of a call, or None without a session."""
        return self._sessions.get(_cookies(headers).get("sessionid_microapp", ""))

    def authorize(self, app_id: str, headers: Mapping[str, str]) -> None:
        """Raise Rejected unless a call has the app's token, or a session of one of its users.

        A session is sent in three cookies.
        """
        fault = self._faults.get(app_id)
        token = self._tokens.get(app_id)
        if token is None or fault is Fault.UNKNOWN_APP:
            raise protocol.unknown_app()
        by_token = headers.get("x-cli-appid") == app_id and _same(
            headers.get("x-cli-token", ""), token
        )
        if fault is Fault.TOKEN_EXPIRED or not (by_token or self._by_session(app_id, headers)):
            raise protocol.not_logged_in()

    def _by_session(self, app_id: str, headers: Mapping[str, str]) -> bool:
        if "x-cli-token" in headers:
            return False
        cookies = _cookies(headers)
        names = ("sessionid_microapp", "sessionid", "sessionid_dy_open")
        sessions = {cookies.get(name) for name in names}
        email = self._sessions.get(sessions.pop() or "") if len(sessions) == 1 else None
        return email is not None and app_id in self._users[email].apps


def _cookies(headers: Mapping[str, str]) -> Mapping[str, str]:
    try:
        parsed = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in parsed.items()}


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
