"""The proxy breaks connections where it was told to, and nowhere else."""

import time

import httpx2
import pytest

from tests.proxy import Proxy, start_proxy
from tests.servers import PATIENCE_S
from tests.serving import Served, serving

# Long enough for what does come.
SILENT = httpx2.Timeout(PATIENCE_S, read=1.0)
BODY = b"0123456789" * 1000
UNAVAILABLE = b"HTTP/1.1 503 Unavailable\r\nretry-after: 1\r\ncontent-length: 4\r\nconnection: close\r\n\r\nback"


@pytest.fixture
def served():
    with serving(BODY) as server:
        yield server


@pytest.fixture
def proxy(served: Served):
    with start_proxy(port_of(served)) as running:
        yield running


def test_it_passes_everything_on(proxy: Proxy, served: Served) -> None:
    assert httpx2.post(f"{proxy.url}/somewhere", content=b"a question").content == BODY
    assert served.requests[0].endswith(b"a question")
    assert (proxy.connections, proxy.requests) == (1, [b"POST /somewhere HTTP/1.1"])


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("offset", [0, 1, 200, 9000])
def test_the_next_response_is_cut_after_so_many_bytes(proxy: Proxy, how, offset: int) -> None:
    proxy.cut_next(offset, how=how)

    assert raw_bytes_until_broken(proxy) == offset
    assert httpx2.get(proxy.url).content == BODY


def test_it_cuts_several_times_or_every_time(proxy: Proxy) -> None:
    proxy.cut_next(100, times=2)
    assert [raw_bytes_until_broken(proxy) for _ in range(2)] == [100, 100]
    assert httpx2.get(proxy.url).content == BODY

    proxy.cut_next(50, times=None)
    assert [raw_bytes_until_broken(proxy) for _ in range(3)] == [50, 50, 50]
    proxy.forget_rules()
    assert httpx2.get(proxy.url).content == BODY


def test_only_matching_requests_are_cut(proxy: Proxy) -> None:
    proxy.cut_next(10, matching=b"GET /stream")

    assert httpx2.get(f"{proxy.url}/page").content == BODY
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        httpx2.get(f"{proxy.url}/stream")


def test_it_answers_in_the_servers_place(proxy: Proxy, served: Served) -> None:
    proxy.answer_next(UNAVAILABLE, times=2)

    answers = [httpx2.post(proxy.url, content=b"a body that nobody reads") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert (answers[0].text, answers[0].headers["retry-after"]) == ("back", "1")
    assert len(served.requests) == 1


def test_an_open_stream_can_be_cut_at_any_time() -> None:
    with serving(BODY, then="stall") as server, start_proxy(port_of(server)) as proxy:
        with httpx2.stream("GET", proxy.url) as response:
            coming = response.iter_raw()
            assert next(coming)
            assert proxy.cut_open() == 1
            with pytest.raises(httpx2.ReadError):
                list(coming)
        assert server.client_gone.wait(PATIENCE_S)


def test_a_client_that_leaves_takes_the_servers_connection_with_it() -> None:
    with serving(BODY, then="stall") as server, start_proxy(port_of(server)) as proxy:
        with httpx2.stream("GET", proxy.url) as response:
            assert next(response.iter_raw())
        assert server.client_gone.wait(PATIENCE_S)


def test_swallowed_connections_stay_open_and_silent_and_new_ones_work_after_restore() -> None:
    with serving(BODY, then="stall") as server, start_proxy(port_of(server)) as proxy:
        with httpx2.stream("GET", proxy.url, timeout=SILENT) as response:
            coming = response.iter_raw()
            assert next(coming)
            proxy.swallow()
            with pytest.raises(httpx2.ReadTimeout):
                list(coming)
            with pytest.raises(httpx2.ReadTimeout):
                httpx2.get(proxy.url, timeout=SILENT)
        assert not server.client_gone.is_set()

        proxy.restore()
        with httpx2.stream("GET", proxy.url) as response:
            assert next(response.iter_raw())
        assert server.client_gone.wait(PATIENCE_S)


def test_a_swallowed_connection_can_be_ended_for_the_server() -> None:
    with serving(BODY, then="stall") as server, start_proxy(port_of(server)) as proxy:
        with httpx2.stream("GET", proxy.url) as response:
            assert next(response.iter_raw())
            proxy.swallow()
        proxy.cut_open()

        assert server.client_gone.wait(PATIENCE_S)


def test_responses_can_be_delayed(proxy: Proxy) -> None:
    proxy.delay(0.1)
    begun = time.monotonic()

    httpx2.get(proxy.url)

    assert time.monotonic() - begun >= 0.1


def test_responses_can_be_slowed_down(proxy: Proxy) -> None:
    proxy.slow_down(40_000)
    begun = time.monotonic()

    assert httpx2.get(proxy.url).content == BODY

    assert time.monotonic() - begun >= 0.2


def test_a_server_that_is_not_there_closes_the_connection() -> None:
    with serving() as server:
        nobody = port_of(server)
    with start_proxy(nobody) as proxy, pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        httpx2.get(proxy.url)


def port_of(server: Served) -> int:
    return int(server.url.rpartition(":")[2])


def raw_bytes_until_broken(proxy: Proxy) -> int:
    """How many bytes a bare socket gets, head included."""
    import contextlib
    import socket

    received = b""
    with socket.create_connection(("127.0.0.1", proxy.port)) as client, contextlib.suppress(ConnectionResetError):
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        while piece := client.recv(65536):
            received += piece
    return len(received)
