from pathlib import Path

import pytest

from mprelease.domain.endpoints import Endpoint
from mprelease.settings.endpoints import needed, page, stores
from mprelease.settings.settings import Settings


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPRELEASE_CONFIG", str(tmp_path / "none.toml"))


def test_the_stores_are_the_database_and_redis() -> None:
    settings = Settings(database_url="mysql://lin:x@db/shop", redis_url="redis://cache:7000/0")
    assert stores(settings) == (Endpoint("db", 3306), Endpoint("cache", 7000))
    assert stores(Settings()) == ()


def test_the_page_counts_only_with_a_port_of_its_own() -> None:
    assert page(Settings(base_url="http://mp.example.com:8088")) == (
        Endpoint("mp.example.com", 8088),
    )
    assert page(Settings(base_url="https://mp.example.com")) == ()
    assert page(Settings()) == ()


def test_builds_need_proxies_registries_repositories_and_servers_of_names(tmp_path: Path) -> None:
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("# ours\nsearch example.com\nnameserver 127.0.0.53\n")
    settings = Settings(vendor_proxy="http://proxy:3128", npm_registry="https://npm.example.com")
    environment = {"HTTPS_PROXY": "http://out:8080", "PATH": "/bin"}
    assert set(needed(settings, environment, ["git@git:shop.git"], resolver)) == {
        Endpoint("proxy", 3128),
        Endpoint("npm.example.com", 443),
        Endpoint("out", 8080),
        Endpoint("git", 22),
        Endpoint("127.0.0.53", 53),
    }
