"""A branch of messages becomes the request that a provider gets."""

from collections.abc import Sequence
from dataclasses import replace

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
    turns = (turn_of(message) for message in messages_before(generation.message))
    return tuple(turn for turn in turns if turn.parts)


def messages_before(answer: Message) -> Sequence[Message]:
    """From the first question to the answer; those of a first exchange are here already."""
    if answer.parent and not answer.parent.parent_id:
        return [answer.parent, answer]
    path = Tree(answer.conversation_id).path_to(answer.pk)
    found = Message.objects.prefetch_related("parts").in_bulk(path)
    return [found[pk] for pk in path]


def turn_of(message: Message) -> Turn:
    """The texts of one message. Reasoning and tool calls stay here: no provider takes them back so."""
    texts = (part.text for part in message.parts.all() if part.kind == Part.Kind.TEXT and part.text.strip())
    return Turn("assistant" if message.role == Message.Role.ASSISTANT else "user", tuple(map(Text, texts)))


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
