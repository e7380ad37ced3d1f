"""A branch of messages becomes the request that a provider gets."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from conversations.generating.offer import Offer
from conversations.models import Generation, Message, Part
from conversations.models.message import Tree
from providers.contract import ChatRequest, Text, Turn

# Few enough characters per token that a text of any language fits where the estimate says it does.
FEWEST_CHARACTERS_PER_TOKEN = 2.5
# Room that stays free for the answer, as a share of the window.
ROOM_FOR_ANSWER = 0.25


def said_before(generation: Generation) -> tuple[Turn, ...]:
    """Everything said on the branch before the answer; for Continue the last turn is what the answer says already."""
    path = Tree(generation.conversation_id).path_to(generation.message_id)
    texts: dict[UUID, list[Part]] = {pk: [] for pk in path}
    for part in Part.objects.filter(message__in=path, kind=Part.Kind.TEXT).select_related("message"):
        if part.text.strip():
            texts[part.message_id].append(part)
    return tuple(turn_of(parts) for parts in texts.values() if parts)


def turn_of(parts: list[Part]) -> Turn:
    """The texts of one message as a turn. Reasoning and tool calls stay here: no provider takes them back so."""
    written = parts[0].message.role == Message.Role.ASSISTANT
    return Turn("assistant" if written else "user", tuple(Text(part.text) for part in parts))


def request_for(turns: Sequence[Turn], system: str, offer: Offer) -> tuple[ChatRequest, int]:
    """(what `offer`'s model is asked, how many of the oldest turns were left out because they do not fit)."""
    model = offer.info
    left_out = turns_too_many(turns, model.context_tokens - len(system) // FEWEST_CHARACTERS_PER_TOKEN)
    request = ChatRequest(
        model=model.name,
        turns=tuple(turns[left_out:]),
        system=system,
        max_output_tokens=model.max_output_tokens,
        reasoning_effort="medium" if model.reasoning else None,
        timeouts=offer.timeouts,
    )
    return request, left_out


def turns_too_many(turns: Sequence[Turn], window_tokens: float) -> int:
    """How many of the oldest turns do not fit. The latest question and what follows it go, whatever their size."""
    room = window_tokens * (1 - ROOM_FOR_ANSWER) * FEWEST_CHARACTERS_PER_TOKEN
    for index in range(len(turns) - 1, -1, -1):
        room -= length_of(turns[index])
        if room < 0:
            return min(index + 1, latest_question(turns))
    return 0


def latest_question(turns: Sequence[Turn]) -> int:
    return max((index for index, turn in enumerate(turns) if turn.role == "user"), default=0)


def length_of(turn: Turn) -> int:
    return sum(len(part.text) for part in turn.parts if isinstance(part, Text))


def carrying_on(request: ChatRequest, said: str) -> ChatRequest:
    """The same request after the model before it has said `said`: the next one goes on from there."""
    return replace(request, turns=(*request.turns, Turn("assistant", (Text(said),)))) if said.strip() else request


def characters(request: ChatRequest) -> int:
    """How much text the request carries, for estimates."""
    return sum(map(length_of, request.turns)) + len(request.system)
