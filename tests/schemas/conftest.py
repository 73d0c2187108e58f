"""What the OpenAPI document says of each record; making the document takes a while."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mprelease.web.api.openapi import document
from mprelease.web.app import create_app
from mprelease.web.context import WebContext
from mprelease.web.metrics import Metrics


@pytest.fixture(scope="session")
def schemas() -> Mapping[str, Any]:
    context = cast("WebContext", SimpleNamespace(metrics=Metrics()))
    made: Mapping[str, Any] = document(create_app(context))
    return made["components"]["schemas"]
