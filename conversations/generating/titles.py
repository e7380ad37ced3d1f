"""Naming a conversation after its first exchange: the model that answered is asked for a few words."""

import logging
from contextlib import aclosing
from time import monotonic

from asgiref.sync import sync_to_async
from django.conf import settings

from conversations.accounting.ledger import Call, record_of
from conversations.generating.offer import registry
from conversations.generating.prompt import characters
from conversations.models import Conversation, Generation, UsageRecord
from conversations.models.conversation import title_from
from providers.contract import ChatRequest, Started, Text, TextDelta, Turn, Usage
from providers.errors import ProviderError

log = logging.getLogger(__name__)

INSTRUCTION = (
    "Write a title for this conversation: at most six words, in its own language, without quotes or a full stop. "
    "Answer with the title alone."
)
# Enough for a title, and for the thinking some models cannot be told to leave out.
LONGEST_ANSWER_TOKENS = 1_000
EXCERPT = 2_000


async def name_conversation(generation: Generation) -> None:
    """Give the conversation of a finished first answer its title. When that fails, the question's first words stay."""
    request = await sync_to_async(title_request)(generation)
    if request is None:
        return
    call = Call(generation.model, sent=characters(request), purpose=UsageRecord.Purpose.TITLE)
    began, outcome, words = monotonic(), "complete", ""
    try:
        words = await asked(request, call)
    except ProviderError as error:
        outcome = error.kind
        call.reported = error.usage
        log.warning("no title for conversation %s: %s", generation.conversation_id, type(error).__name__)
    call.duration_s, call.received = monotonic() - began, len(words)
    await sync_to_async(store_title)(generation.conversation, words, call, outcome)


def title_request(generation: Generation) -> ChatRequest | None:
    """None when no title is wanted: it has one, a model shall not be asked, or this was not the first exchange."""
    conversation = Conversation.objects.filter(pk=generation.conversation_id).first()
    provider, _, model = generation.model.partition(":")
    question = generation.message.parent
    if settings.TITLES != "model" or provider == "demo" or conversation is None or conversation.title_is_final:
        return None
    if question is None or question.parent_id is not None:
        return None
    exchange = f"{question.text[:EXCERPT]}\n\n{generation.message.text[:EXCERPT]}"
    return ChatRequest(
        model=model,
        system=INSTRUCTION,
        turns=(Turn("user", (Text(exchange),)),),
        max_output_tokens=LONGEST_ANSWER_TOKENS,
    )


async def asked(request: ChatRequest, call: Call) -> str:
    words = []
    async with aclosing(registry().open(call.provider).stream(request)) as events:
        async for event in events:
            match event:
                case TextDelta(text):
                    words.append(text)
                case Started(model, usage):
                    call.model_answered, call.so_far = model, usage
                case Usage():
                    call.reported = event
    return "".join(words)


def store_title(conversation: Conversation, words: str, call: Call, outcome: str) -> None:
    record_of(call, conversation, outcome).save(force_insert=True)
    title = title_from(words.strip().strip("\"'“”„«»*#").rstrip("."), longest=80)
    if title:
        Conversation.objects.filter(pk=conversation.pk, title_is_final=False).update(title=title, title_is_final=True)
