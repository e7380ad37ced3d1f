"""`python -m tests.errors_table` writes docs/errors.md: what a reader is told for every recorded refusal of a provider.

Each refusal is replayed through the real SDK and our adapter, so the table says what the code does.
"""

import asyncio
import os
from pathlib import Path

import django

from providers.anthropic_messages import AnthropicMessages
from providers.contract import ChatRequest, Connection, Provider, Text, Turn
from providers.errors import ProviderError
from providers.google_generate_content import GoogleGenerateContent
from providers.openai_chat import OpenAIChat
from providers.openai_responses import OpenAIResponses
from tests.providers.collected import collect
from tests.providers.recordings import RecordedError, Recording, recorded_errors, recordings
from tests.serving import serving

TABLE = Path(__file__).parent.parent / "docs/errors.md"
ADAPTERS = {
    "openai_responses": OpenAIResponses,
    "openai_chat": OpenAIChat,
    "anthropic": AnthropicMessages,
    "google": GoogleGenerateContent,
}
HELLO = ChatRequest("a-model", (Turn("user", (Text("Hello"),)),))
HEAD = """# What a reader is told when a provider fails

Made by `python -m tests.errors_table` from the recorded refusals of real providers; a test compares it with the code.
Each sentence says what happened, what was kept and what to do next. "Retried" means that the site asks again, or asks
the model's fallbacks, before it says anything.
"""


async def error_of(recorded: RecordedError | Recording, api: str) -> ProviderError | None:
    status, headers = (recorded.status, recorded.headers) if isinstance(recorded, RecordedError) else (200, {})
    named = ("retry-after", "content-type")
    passed_on = {name: value for name, value in headers.items() if name.lower().startswith(named)}
    with serving(recorded.body, status=status, headers=passed_on) as served:
        base_url = served.url if api in ("anthropic", "google") else f"{served.url}/v1"
        provider: Provider = ADAPTERS[api](Connection("k", base_url))
        try:
            return (await collect(provider.stream(HELLO))).error
        finally:
            await provider.aclose()


def sentence(error: ProviderError) -> str:
    from conversations.models.notices import notice_for

    return notice_for("failed", error.kind, "", has_text=False)


async def rows() -> list[str]:
    found = []
    for api in ADAPTERS:
        failing: list[RecordedError | Recording] = [*recorded_errors(api)]
        failing += [recording for recording in recordings(api) if recording.expected["error"]]
        for recorded in failing:
            error = await error_of(recorded, api)
            assert error is not None, recorded.name
            wait = f", after {error.retry_after_s:g} s" if error.retry_after_s else ""
            retried = f"yes{wait}" if error.retryable else "no"
            found.append(f"| {api} | {recorded} | `{error.kind}` | {retried} | {sentence(error)} |")
    return found


async def table() -> str:
    lines = ["| API | recorded | kind | retried | what the reader is told |", "|---|---|---|---|---|", *await rows()]
    return HEAD + "\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    django.setup()
    TABLE.write_text(asyncio.run(table()))
