import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from tests.simulator import SimulatorClient, start_simulator


@pytest.fixture
def simulator() -> Iterator[SimulatorClient]:
    with start_simulator() as running:
        yield running


@pytest.fixture
async def openai(simulator: SimulatorClient) -> AsyncIterator[Any]:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key="sk-test", base_url=f"{simulator.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
async def anthropic(simulator: SimulatorClient) -> AsyncIterator[Any]:
    from anthropic import AsyncAnthropic

    async with AsyncAnthropic(api_key="sk-test", base_url=simulator.url, max_retries=0) as client:
        yield client


@pytest.fixture
async def google(simulator: SimulatorClient) -> AsyncIterator[Any]:
    from google import genai

    http_client = httpx2.AsyncClient()
    options = genai.types.HttpOptions(base_url=simulator.url, httpx_async_client=http_client)
    client = genai.Client(api_key="test", vertexai=False, http_options=options)
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(http_client.aclose)
        closing.push_async_callback(client.aio.aclose)
        closing.callback(client.close)
        yield client.aio
