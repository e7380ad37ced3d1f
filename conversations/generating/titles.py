"""Naming a conversation after its first exchange: the model that answered is asked for a few words."""

import asyncio
import logging
from contextlib import aclosing
from time import monotonic

from django.conf import settings
from django.db import transaction

from chatsite.lanes import in_database, start_task
from chatsite.logs import Ids, ids_here, speak_of
from conversations.accounting.budgets import BudgetUsedUp, hard_budgets, reserve
from conversations.accounting.ledger import Call, record_of
from conversations.generating.offer import registry
from conversations.generating.prompt import characters
from conversations.generating.worst_case import worst_case
from conversations.models import Conversation, Generation, PendingCall, UsageRecord
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
# Nobody waits for it for longer.
LONGEST_S = 120.0

NAMING: set[asyncio.Task[None]] = set()


def start_naming(generation: Generation) -> None:
    if settings.TITLES != "model":
        return
    task = start_task(name_conversation(generation, ids_here()))
    NAMING.add(task)
    task.add_done_callback(NAMING.discard)


def give_up_naming() -> None:
    """The process ends. Each title is billed all the same."""
    for task in NAMING:
        task.cancel()


async def name_conversation(generation: Generation, ids: Ids) -> None:
    """Give the conversation of a finished first answer its title. When that fails, the question's first words stay."""
    speak_of(lambda: ids)
    request = await in_database(title_request)(generation)
    if request is None:
        return
    call = Call(generation.model, sent=characters(request), purpose=UsageRecord.Purpose.TITLE)
    try:
        pending = await in_database(noted)(call, request, generation.conversation)
    except BudgetUsedUp:
        return
    began, outcome, words = monotonic(), "interrupted", list[str]()
    try:
        async with asyncio.timeout(LONGEST_S):
            await ask(request, call, words)
        outcome = "complete"
    except TimeoutError:
        outcome = "ran_too_long"
    except ProviderError as error:
        outcome = error.kind
        call.failed(error)
        log.warning("no title: %s, status %s", error.kind, error.status)
    except Exception:
        outcome = "internal"
        raise
    finally:
        call.duration_s, call.received = monotonic() - began, sum(map(len, words))
        title = "".join(words) if outcome == "complete" else ""
        await in_database(store_title)(generation.conversation, title, pending, call, outcome)


def title_request(generation: Generation) -> ChatRequest | None:
    """None when no title is wanted: it has one, a model shall not be asked, or this was not the first exchange."""
    conversation = Conversation.objects.filter(pk=generation.conversation_id).first()
    provider, _, model = generation.model.partition(":")
    question = generation.message.parent
    if provider == "demo" or conversation is None or conversation.title_is_final:
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


async def ask(request: ChatRequest, call: Call, words: list[str]) -> None:
    """Read the answer into `words`, and into `call` what it used."""
    async with aclosing(registry().open(call.provider).stream(request)) as events:
        async for event in events:
            match event:
                case TextDelta(text):
                    words.append(text)
                case Started(model, usage):
                    call.model_answered, call.so_far = model, usage
                case Usage():
                    call.reported = event


@transaction.atomic
def noted(call: Call, request: ChatRequest, conversation: Conversation) -> PendingCall:
    """The call, before it is made. Raises BudgetUsedUp when it cannot be paid for: then it is not to be made."""
    pending = PendingCall.objects.create(
        user_key=conversation.owner_id,
        conversation_key=conversation.pk,
        model=call.model_asked,
        purpose=call.purpose,
        sent_characters=call.sent,
    )
    if budgets := hard_budgets(conversation.owner_id):
        demand = worst_case(call.model_asked, request, LONGEST_ANSWER_TOKENS)
        reserve(pending.pk, conversation.owner_id, budgets, [demand])
    return pending


@transaction.atomic
def store_title(conversation: Conversation, words: str, pending: PendingCall, call: Call, outcome: str) -> None:
    pending.settle(record_of(call, conversation, outcome))
    title = title_from(words.strip().strip("\"'“”„«»*#").rstrip("."), longest=80)
    if title:
        Conversation.objects.filter(pk=conversation.pk, title_is_final=False).update(title=title, title_is_final=True)
