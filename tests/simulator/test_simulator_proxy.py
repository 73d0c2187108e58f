import socket
import ssl
import threading
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from mprelease.simulator.proxy import Simulator
from mprelease.simulator.vendor_service import Fault
from mprelease.simulator.wechat import WeChat
from wechat_client import APP_ID, HOST, SMALL_APP, Client, http_client


def _tunnel(simulator: Simulator, target: str) -> socket.socket:
    connection = socket.create_connection(_address(simulator), timeout=10)
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    return connection


def _address(simulator: Simulator) -> tuple[str, int]:
    return "127.0.0.1", urlsplit(simulator.proxy_url).port or 0


def test_an_unknown_host_is_refused(owner: Client) -> None:
    with pytest.raises(httpx.ProxyError, match="403"):
        owner.http.get("https://example.com/")


def test_another_port_of_a_known_host_is_refused(simulator: Simulator) -> None:
    with _tunnel(simulator, "servicewechat.com:80") as connection:
        assert connection.recv(1024).startswith(b"HTTP/1.1 403 ")


def test_nothing_is_forwarded_in_plain_text(owner: Client, simulator: Simulator) -> None:
    host, port = _address(simulator)
    assert owner.http.get("http://servicewechat.com/").status_code == 403
    assert owner.http.post(f"http://{host}:{port}/", content=b"x").status_code == 403


def test_tls_needs_the_name_of_the_host_that_was_asked_for(simulator: Simulator) -> None:
    trust = ssl.create_default_context(cafile=simulator.ca_file)
    with _tunnel(simulator, "servicewechat.com:443") as connection:
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ssl.SSLError):
            trust.wrap_socket(connection, server_hostname="example.com")


def test_a_request_for_another_host_inside_the_tunnel_is_refused(owner: Client) -> None:
    reply = owner.http.get(f"{HOST}/wxa/ci/getwhiteextlist", headers={"Host": "example.com"})
    assert reply.status_code == 421


def test_a_client_that_does_not_know_the_authority_refuses_it(simulator: Simulator) -> None:
    with (
        httpx.Client(proxy=simulator.proxy_url, trust_env=False) as http,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        http.get(f"{HOST}/")


def test_one_connection_carries_many_requests(connection: HTTPSConnection) -> None:
    for _ in range(3):
        connection.request("GET", "/wxa/ci/getwhiteextlist")
        assert connection.getresponse().read() == b'{"errCode":0,"data":{}}'


def test_a_body_that_is_too_long_is_refused_unread(connection: HTTPSConnection) -> None:
    connection.putrequest("POST", "/wxa/ci/upload")
    connection.putheader("Content-Length", str(65 * 1024 * 1024))
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_a_body_of_unknown_length_is_refused(connection: HTTPSConnection) -> None:
    connection.putrequest("POST", "/wxa/ci/upload")
    connection.putheader("Transfer-Encoding", "gzip")
    connection.endheaders()
    assert connection.getresponse().status == 400


def test_a_body_in_chunks_is_put_together(connection: HTTPSConnection) -> None:
    chunks = iter([b'{"appid":', b'"wx0123456789abcdef",', b'"clientRand":1}'])
    connection.request("POST", "/wxa/ci/getrandstr", body=chunks, encode_chunked=True)
    assert b'"errCode":0' in connection.getresponse().read()


@pytest.mark.parametrize("chunks", [b"nonsense\r\n", b"-1\r\n"])
def test_chunks_without_a_size_are_refused(connection: HTTPSConnection, chunks: bytes) -> None:
    connection.putrequest("POST", "/wxa/ci/upload")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders(chunks)
    assert connection.getresponse().status == 400


def test_chunks_that_are_too_long_together_are_refused(
    connection: HTTPSConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mprelease.simulator.http.MAX_BODY", 10)
    connection.putrequest("POST", "/wxa/ci/upload")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders(b"6\r\n012345\r\n" * 2)
    assert connection.getresponse().status == 413


def test_a_cut_connection_ends_in_the_middle_of_the_reply(owner: Client, wechat: WeChat) -> None:
    wechat.set_fault(APP_ID, Fault.CONNECTION_CUT)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        owner.upload()
    assert len(wechat.received) == 1


def test_the_end_does_not_wait_for_a_slow_reply(tmp_path: Path, wechat: WeChat, key: str) -> None:
    wechat.set_fault(APP_ID, Fault.SLOW)
    with Simulator(tmp_path, [wechat]) as simulator:
        http = http_client(simulator.proxy_url, simulator.ca_file)
        failures: list[Exception] = []
        thread = threading.Thread(target=_upload, args=(Client(http, key), failures))
        thread.start()
        wechat.wait_for(1)
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(failures[0], httpx.TransportError)
    http.close()


def test_the_end_does_not_wait_for_a_handshake_that_never_comes(
    tmp_path: Path, wechat: WeChat
) -> None:
    with Simulator(tmp_path, [wechat]) as simulator:
        silent = _tunnel(simulator, "servicewechat.com:443")
        assert silent.recv(1024).startswith(b"HTTP/1.1 200 ")
    assert silent.recv(1024) == b""
    silent.close()


def _upload(client: Client, failures: list[Exception]) -> None:
    try:
        client.upload(SMALL_APP)
    except httpx.TransportError as failure:
        failures.append(failure)


def test_the_end_cuts_idle_connections_and_leaves_no_thread(
    tmp_path: Path, wechat: WeChat, key: str
) -> None:
    before = threading.active_count()
    with Simulator(tmp_path, [wechat]) as simulator:
        http = http_client(simulator.proxy_url, simulator.ca_file)
        Client(http, key).upload()
        assert threading.active_count() > before
    assert threading.active_count() == before
    http.close()
