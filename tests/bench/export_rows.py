"""A history to export: conversations of twenty messages with versions, reasoning and calls. Runs inside Django."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from uuid_utils.compat import uuid7

from conversations.models import Conversation, Generation, Message, Part, UsageRecord
from conversations.rendering.markdown import RENDERER_VERSION, render

MESSAGES_EACH = 20
BATCH = 250
WORDS = "the backup of a database should be tested because nobody knows whether it can be restored".split()  # noqa: SIM905


def text(rng: random.Random, words: int) -> str:
    """Now and then somebody is named."""
    named = ["alice"] if words > 20 and rng.random() < 0.05 else []
    return " ".join([rng.choice(WORDS) for _ in range(words)] + named)


def answer(rng: random.Random) -> str:
    """About 1,500 characters of Markdown."""
    rows = "\n".join(f"| {text(rng, 2)} | {rng.randrange(1000)} |" for _ in range(4))
    return (
        f"## {text(rng, 4)}\n\n{text(rng, 90)} **{text(rng, 3)}**.\n\n- {text(rng, 9)}\n- {text(rng, 8)}\n\n"
        f"```python\nfor line in open({text(rng, 1)!r}):\n    print(line)\n```\n\n"
        f"| a | b |\n|---|---|\n{rows}\n\n{text(rng, 80)}"
    )


def seed(messages: int, seed_number: int = 1) -> None:
    rng = random.Random(seed_number)
    answers = [(one, render(one)) for one in (answer(rng) for _ in range(60))]
    people = list(get_user_model().objects.order_by("pk"))
    began = datetime(2026, 1, 1, tzinfo=UTC)
    count = -(-messages // MESSAGES_EACH)
    for start in range(0, count, BATCH):
        batch: dict[Any, list[Any]] = {model: [] for model in (Conversation, Message, Part, Generation, UsageRecord)}
        leaves = {}
        for number in range(start, min(start + BATCH, count)):
            when = began + timedelta(minutes=number)
            conversation = Conversation(
                owner=people[number % len(people)],
                title=text(rng, 6),
                model="openai:sim",
                created_at=when,
                updated_at=when,
            )
            batch[Conversation].append(conversation)
            leaves[conversation.pk] = fill(rng, conversation, answers, batch)
        for model, rows in batch.items():
            model.objects.bulk_create(rows)
        for conversation in batch[Conversation]:
            conversation.leaf_id = leaves[conversation.pk]
        Conversation.objects.bulk_update(batch[Conversation], ["leaf"])


def fill(
    rng: random.Random, conversation: Conversation, answers: list[tuple[str, str]], batch: dict[Any, list[Any]]
) -> Any:
    """Twenty messages; the last question has three answers. Gives the leaf."""
    parent: Message | None = None
    for number in range(MESSAGES_EACH):
        again = number >= MESSAGES_EACH - 2
        role = "assistant" if number % 2 or again else "user"
        above = parent.parent if again and parent else parent
        message = Message(conversation=conversation, parent=above, role=role, created_at=conversation.created_at)
        batch[Message].append(message)
        if role == "user":
            batch[Part].append(Part(message=message, index=0, kind="text", text=text(rng, 25)))
        else:
            (said, html), thought = rng.choice(answers), text(rng, 20)
            batch[Part] += [
                Part(
                    message=message,
                    index=0,
                    kind="reasoning",
                    text=thought,
                    html=f"<p>{thought}</p>",
                    html_version=RENDERER_VERSION,
                ),
                Part(message=message, index=1, kind="text", text=said, html=html, html_version=RENDERER_VERSION),
            ]
            add_run(message, batch)
        parent = message
    assert parent is not None
    return parent.pk


def add_run(message: Message, batch: dict[Any, list[Any]]) -> None:
    run = Generation(
        pk=uuid7(),
        conversation=message.conversation,
        message=message,
        model="openai:sim",
        status="complete",
        finish_reason="stop",
        created_at=message.created_at,
        ended_at=timezone.now(),
    )
    batch[Generation].append(run)
    batch[UsageRecord].append(
        UsageRecord(
            user_key=message.conversation.owner_id,
            conversation_key=message.conversation_id,
            generation=run,
            provider="openai",
            model_asked="openai:sim",
            purpose="answer",
            outcome="complete",
            fresh_input=1000,
            cache_read=0,
            cache_write=0,
            output=400,
            reasoning=20,
            confidence="reported",
            cost_usd=Decimal("0.0123"),
        )
    )
