"""Douyin's two kinds of credential: an app's token, or a user's e-mail address and password."""

import json
from dataclasses import dataclass, field
from typing import Any

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.detection import credential_text


@dataclass(frozen=True)
class Token:
    """A token created for one app in the platform's console (开发配置)."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class Login:
    """The login of a user who has access to the app."""

    email: str
    password: str = field(repr=False)


def read_credential(content: bytes) -> str:
    """Parse a credential's JSON file; return its kind and secrets, each on a line of its own.

    Stored in this form, each part can be masked in logs. Raise Refused(KEY_SHAPE), or
    Refused(CREDENTIAL_OF_OTHER_PLATFORM).
    """
    match _given(credential_text(content, Platform.DOUYIN)):
        case {"token": str(token)} if _is_secret(token):
            return f"token\n{token}"
        case {"email": str(email), "password": str(password)} if (
            "@" in email and _is_secret(email) and _is_secret(password)
        ):
            return f"login\n{email}\n{password}"
    raise Refused(Problem.KEY_SHAPE)


def opened(credential: str) -> Token | Login:
    """Parse the text that `read_credential` returned; raise Refused(KEY_SHAPE)."""
    match credential.split("\n"):
        case ["token", token]:
            return Token(token)
        case ["login", email, password]:
            return Login(email, password)
    raise Refused(Problem.KEY_SHAPE)


def _given(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(Problem.KEY_SHAPE) from None


def _is_secret(text: str) -> bool:
    return bool(text.strip()) and text.isprintable()
