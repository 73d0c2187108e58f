"""Douyin's two kinds of credential: an app's token, or a person's e-mail address and password."""

import json
from dataclasses import dataclass, field
from typing import Any

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.detection import credential_text


@dataclass(frozen=True)
class Token:
    """A token made for one app in its console (开发配置)."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class Login:
    """A person who may act for the app."""

    email: str
    password: str = field(repr=False)


def read_credential(content: bytes) -> str:
    """Return the credential in a JSON file, each of its secrets on a line of its own.

    That is how it is stored, and how masks find every part of it. Raise Refused(KEY_SHAPE), or
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
    """Return what `read_credential` has stored."""
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
