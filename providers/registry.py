"""Which providers this environment can open: the companies whose keys are set, compatible servers, the demo model."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from providers import catalog
from providers.catalog import ModelInfo
from providers.contract import Connection, Provider, Timeouts
from providers.errors import KeyRejected, ModelUnknown
from providers.sdks import import_sdk

# Names of the companies' own SDKs. Where two keys are set, the first counts, as in Google's SDK.
_KEYS = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
}
_BASE_URLS = {
    "openai": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
    "google": "GOOGLE_GEMINI_BASE_URL",
}
BUILT_IN = frozenset({*_KEYS, catalog.DEMO.provider})


@dataclass(frozen=True, slots=True)
class CompatibleServer:
    """A server that speaks OpenAI's Chat Completions API, such as Ollama. `base_url` ends where `/chat` begins."""

    name: str
    base_url: str
    api_key: str = field(default="", repr=False)
    models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or ":" in self.name or self.name in BUILT_IN:
            raise ValueError(f"a compatible server cannot be named {self.name!r}")


class Registry:
    """Opens each provider once per event loop, because connections belong to the loop that opened them."""

    def __init__(
        self,
        environment: Mapping[str, str],
        compatible: Sequence[CompatibleServer] = (),
        timeouts: Timeouts | None = None,
    ) -> None:
        timeouts = timeouts or Timeouts()
        self._companies = _companies(environment, timeouts)
        self._servers = {server.name: server for server in compatible}
        self._timeouts = timeouts
        self._opened: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Provider]] = WeakKeyDictionary()

    def provider_names(self) -> list[str]:
        """What `open` can open, best first; the demo model needs no key."""
        return [*self._companies, *self._servers, catalog.DEMO.provider]

    def models(self) -> list[ModelInfo]:
        """What users may pick where nobody chose for them, the default in front; the demo model if there is nothing."""
        listed = [model for name in self._companies for model in catalog.known_models(name)]
        served = [catalog.find(server.name, name) for server in self._servers.values() for name in server.models]
        return [*listed, *served] or [catalog.DEMO]

    def open(self, provider_name: str) -> Provider:
        """The provider of that name for the running event loop. Raises KeyRejected or ModelUnknown for others."""
        opened = self._opened.setdefault(asyncio.get_running_loop(), {})
        if provider_name not in opened:
            opened[provider_name] = self._new(provider_name)
        return opened[provider_name]

    def preload(self) -> None:
        """Import the SDKs of the companies that have a key. Takes seconds: for a thread, at the start of a server."""
        for name in self._companies:
            import_sdk(name)
        if self._servers:
            import_sdk("openai")

    async def aclose(self) -> None:
        """Close what the running event loop has opened."""
        for provider in self._opened.pop(asyncio.get_running_loop(), {}).values():
            await provider.aclose()

    def _new(self, name: str) -> Provider:
        """Adapters are imported when one is wanted, their SDKs when one is asked something."""
        if name == catalog.DEMO.provider:
            from providers.demo import Demo

            return Demo()
        if server := self._servers.get(name):
            from providers.openai_chat import OpenAIChat

            return OpenAIChat(Connection(server.api_key, server.base_url, self._timeouts))
        if name in self._companies:
            return _new_company(name, self._companies[name])
        if name in _KEYS:
            raise KeyRejected(f"none of {', '.join(_KEYS[name])} is set")
        raise ModelUnknown(f"there is no provider named {name!r}")


def _companies(environment: Mapping[str, str], timeouts: Timeouts) -> dict[str, Connection]:
    """The companies that have a key, in the order in which we offer them."""
    keys = {name: next((environment[k] for k in names if environment.get(k)), "") for name, names in _KEYS.items()}
    return {name: Connection(key, environment.get(_BASE_URLS[name], ""), timeouts) for name, key in keys.items() if key}


def _new_company(name: str, connection: Connection) -> Provider:
    match name:
        case "openai":
            from providers.openai_responses import OpenAIResponses

            return OpenAIResponses(connection)
        case "anthropic":
            from providers.anthropic_messages import AnthropicMessages

            return AnthropicMessages(connection)
        case _:
            from providers.google_generate_content import GoogleGenerateContent

            return GoogleGenerateContent(connection)
