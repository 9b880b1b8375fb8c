"""The private Valkey as it is run: on a socket alone, and with a journal that survives a kill."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from consult.supervise import checks, health, plan
from consult.supervise.logs import RotatingLog
from consult.supervise.process import Process
from consult.supervise.site import Site

pytestmark = pytest.mark.integration


@pytest.fixture
async def valkey(site: Site) -> AsyncIterator[Process]:
    """Running and answering."""
    spec = plan.processes(site, checks.valkey_binary())[0]
    process = Process(spec, RotatingLog(site.logs / "valkey.log"), lambda line: None)
    await process.start()
    assert await health.wait_until(lambda: health.valkey_answers(site.valkey_socket), 10)
    yield process
    await process.stop()


async def test_a_queued_item_survives_a_kill(site: Site, valkey: Process) -> None:
    async with redis.asyncio.Redis(unix_socket_path=str(site.valkey_socket)) as client:
        await client.rpush("queue", "reply 1")
    first = valkey.pid
    valkey.kill()

    async def is_back() -> bool:
        return valkey.pid not in (None, first) and await health.valkey_answers(site.valkey_socket)

    assert await health.wait_until(is_back, 15)
    async with redis.asyncio.Redis(unix_socket_path=str(site.valkey_socket)) as client:
        assert await client.lrange("queue", 0, -1) == [b"reply 1"]


async def test_nothing_listens_on_tcp_and_a_full_memory_is_an_error(site: Site, valkey: Process) -> None:
    async with redis.asyncio.Redis(unix_socket_path=str(site.valkey_socket)) as client:
        assert (await client.config_get("port"))["port"] == "0"
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
    assert site.valkey_socket.stat().st_mode & 0o077 == 0
