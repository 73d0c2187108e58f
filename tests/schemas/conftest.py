"""What the OpenAPI document says of each record; making the document takes a while."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from mprelease.web.api.openapi import document
from mprelease.web.app import create_app
from mprelease.web.context import WebContext


@pytest.fixture(scope="session")
def schemas() -> Mapping[str, Any]:
    made: Mapping[str, Any] = document(create_app(cast("WebContext", None)))
    return made["components"]["schemas"]
