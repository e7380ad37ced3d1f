"""A local model without a key, so that the site works before anybody has one. It knows nothing and says so."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable

from providers.contract import (
    ChatRequest,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    Turn,
    Usage,
)
from providers.demo_script import says, write_answer
from providers.errors import Overloaded
from providers.pace import Pace

CHARACTERS_PER_TOKEN = 4


class Demo:
    """Answers from a script, the same to the same question.

    A question with the word "slow" makes it wait before its first word, "long" makes it write for minutes, "fail"
    breaks it off in the middle with `Overloaded`.
    """

    def __init__(self, *, tokens_per_s: float = 60.0, slow_start_s: float = 8.0) -> None:
        self._tokens_per_s = tokens_per_s
        self._slow_start_s = slow_start_s

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        """Yield deltas at a natural pace, one Usage, then Finished; goes on from a partial answer."""
        question, partial = question_and_partial(request.turns)
        reasoning, text, reason = cut(*rest_of(write_answer(question), partial), request.max_output_tokens)
        prompt_tokens = to_tokens(request.system, *_texts(request.turns))
        yield Started("demo", Usage(fresh_input=prompt_tokens))
        if says(question, "slow"):
            await asyncio.sleep(self._slow_start_s)
        breaks_at = len(text) // 2 if says(question, "fail") else None
        pace = Pace(self._tokens_per_s)
        for word in _words(reasoning):
            await pace.beat()
            yield ReasoningDelta(word)
        for word in _words(text[:breaks_at]):
            await pace.beat()
            yield TextDelta(word)
        usage = Usage(
            fresh_input=prompt_tokens,
            output=to_tokens(reasoning, text[:breaks_at]),
            reasoning=to_tokens(reasoning),
        )
        if breaks_at is not None:
            raise Overloaded("the demo model was asked to fail", usage=usage)
        yield usage
        yield Finished(reason, reason.value)

    async def aclose(self) -> None:
        """Nothing is open."""


def question_and_partial(turns: tuple[Turn, ...]) -> tuple[str, str]:
    """The last words of the user, and what an assistant has begun to answer to them."""
    asked = max((index for index, turn in enumerate(turns) if turn.role == "user" and _texts([turn])), default=-1)
    return " ".join(_texts(turns[asked : asked + 1])), "".join(_texts(turns[asked + 1 :]))


def rest_of(answer: tuple[str, str], partial: str) -> tuple[str, str]:
    """What is left to say. Reasoning is not repeated; words that are not ours we can only close politely."""
    reasoning, text = answer
    if not partial:
        return reasoning, text
    if text.startswith(partial):
        return "", text[len(partial) :]
    return "", "… and that is as far as the demo model can follow the words of another model."


def cut(reasoning: str, text: str, max_output_tokens: int | None) -> tuple[str, str, FinishReason]:
    room = len(reasoning + text) if max_output_tokens is None else max_output_tokens * CHARACTERS_PER_TOKEN
    if len(reasoning + text) <= room:
        return reasoning, text, FinishReason.STOP
    return reasoning[:room], text[: max(0, room - len(reasoning))], FinishReason.LENGTH


def to_tokens(*texts: str) -> int:
    """An honest guess, rounded up: there is no tokenizer behind this model."""
    return -(-sum(map(len, texts)) // CHARACTERS_PER_TOKEN)


def _texts(turns: Iterable[Turn]) -> list[str]:
    return [part.text for turn in turns for part in turn.parts if isinstance(part, Text)]


def _words(text: str) -> list[str]:
    """The text in pieces of about a token, nothing left out."""
    return re.findall(r"\s*\S{1,6}|\s+$", text)
