"""Storage is tested on every kind of database."""

import pytest

from databases import KINDS


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen
