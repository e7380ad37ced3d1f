import asyncio

import pytest

from providers import catalog
from providers.anthropic_messages import AnthropicMessages
from providers.contract import ChatRequest, Text, Timeouts, Turn
from providers.demo import Demo
from providers.errors import KeyRejected, ModelUnknown
from providers.google_generate_content import GoogleGenerateContent
from providers.openai_chat import OpenAIChat
from providers.openai_responses import OpenAIResponses
from providers.registry import CompatibleServer, Registry
from tests.providers.collected import collect
from tests.providers.recordings import recording
from tests.serving import serving

HELLO = (Turn("user", (Text("Hello"),)),)
BASEMENT = CompatibleServer("basement", "http://127.0.0.1:1/v1", models=("llama4:8b", "qwen4"))
ALL_KEYS = {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b", "GEMINI_API_KEY": "c"}


def ids(registry: Registry) -> list[str]:
    return [model.id for model in registry.models()]


def test_without_any_key_there_is_the_demo_model() -> None:
    registry = Registry({"OPENAI_API_KEY": ""})

    assert ids(registry) == ["demo:demo"]
    assert registry.provider_names() == ["demo"]


def test_models_are_those_of_the_companies_whose_keys_are_set() -> None:
    registry = Registry({"ANTHROPIC_API_KEY": "k"})

    assert registry.models() == catalog.known_models("anthropic")
    assert registry.provider_names() == ["anthropic", "demo"]


@pytest.mark.parametrize("name", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])
def test_google_has_two_names_for_its_key(name: str) -> None:
    assert Registry({name: "k"}).provider_names() == ["google", "demo"]


def test_compatible_servers_come_last_and_stand_alone_without_demo() -> None:
    assert ids(Registry(ALL_KEYS, [BASEMENT]))[-2:] == ["basement:llama4:8b", "basement:qwen4"]
    assert ids(Registry({}, [BASEMENT])) == ["basement:llama4:8b", "basement:qwen4"]


async def test_every_provider_is_opened_once() -> None:
    registry = Registry(ALL_KEYS, [BASEMENT])
    opened = {name: registry.open(name) for name in registry.provider_names()}

    assert {name: type(provider) for name, provider in opened.items()} == {
        "openai": OpenAIResponses,
        "anthropic": AnthropicMessages,
        "google": GoogleGenerateContent,
        "basement": OpenAIChat,
        "demo": Demo,
    }
    assert all(registry.open(name) is provider for name, provider in opened.items())


def test_every_event_loop_has_its_own() -> None:
    registry = Registry({})

    async def opened() -> object:
        return registry.open("demo")

    assert asyncio.run(opened()) is not asyncio.run(opened())


async def test_what_was_closed_is_opened_anew() -> None:
    registry = Registry(ALL_KEYS)
    before = registry.open("anthropic")
    await registry.aclose()

    assert registry.open("anthropic") is not before


async def test_a_company_without_a_key_says_which_one_is_missing() -> None:
    with pytest.raises(KeyRejected, match="GOOGLE_API_KEY, GEMINI_API_KEY"):
        Registry({}).open("google")


async def test_a_provider_that_has_been_taken_away_is_unknown() -> None:
    with pytest.raises(ModelUnknown, match="basement"):
        Registry({}).open("basement")


@pytest.mark.parametrize("name", ["", "openai", "demo", "my:server"])
def test_a_server_needs_a_name_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be named"):
        CompatibleServer(name, "http://127.0.0.1:1/v1")


def test_keys_are_not_shown() -> None:
    assert "secret" not in repr(CompatibleServer("basement", "http://127.0.0.1:1/v1", "secret"))


@pytest.mark.parametrize(
    ("provider", "base_url", "body", "path", "key"),
    [
        ("anthropic", "ANTHROPIC_BASE_URL", "issue-5942-cache-read", b"POST /v1/messages ", b"Bearer b"),
        ("google", "GOOGLE_GEMINI_BASE_URL", "success-finish-message", b"POST /v1/models/m:stream", b"c\r\n"),
    ],
)
async def test_base_urls_and_keys_of_the_environment_are_used(
    provider: str, base_url: str, body: str, path: bytes, key: bytes
) -> None:
    with serving(recording(body).body) as served:
        registry = Registry({**ALL_KEYS, base_url: served.url}, timeouts=Timeouts(connect_s=1.0))
        answer = await collect(registry.open(provider).stream(ChatRequest("m", HELLO)))
        await registry.aclose()

    assert answer.error is None
    assert served.requests[0].startswith(path)
    assert key in served.requests[0]
