import pytest

from mprelease.domain.endpoints import Endpoint, endpoints


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://npm.example.com/", "npm.example.com", 443),
        ("http://[::1]:8088", "::1", 8088),
        ("git@git.example.com:team/shop.git", "git.example.com", 22),
        ("ssh://git@git.example.com:2222/shop.git", "git.example.com", 2222),
        ("mysql+pymysql://lin:a%40b@db.example.com/shop", "db.example.com", 3306),
        ("postgresql://lin@/shop?host=db.example.com:6432", "db.example.com", 6432),
        ("rediss://:secret@10.0.0.7/0", "10.0.0.7", 6379),
    ],
)
def test_an_address_leads_to_a_port_of_a_host(url: str, host: str, port: int) -> None:
    assert endpoints(url) == (Endpoint(host, port),)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/srv/shop.git",
        "file:///srv/shop.git",
        "sqlite:////srv/mprelease.db",
        "unix:///run/redis.sock",
        "postgresql:///shop?host=/run/postgresql",
        "http://host:port/",
    ],
)
def test_a_file_and_nonsense_lead_to_no_host(url: str) -> None:
    assert endpoints(url) == ()


def test_a_database_may_have_several_hosts() -> None:
    url = "postgresql://lin@/shop?host=one.example.com,two.example.com:6432"
    assert endpoints(url) == (Endpoint("one.example.com", 5432), Endpoint("two.example.com", 6432))
