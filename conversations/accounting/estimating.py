"""How many tokens a text has, where nobody has counted: by what the calls of its model family have taught.

docs/estimates.md says how and how well.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from time import monotonic
from typing import Literal, NamedTuple

from django.db.models.functions import Now
from django.utils import timezone

from conversations.models import TokenRatio, UsageRecord

type Side = Literal["input", "output"]

# Tokens per character of a text in a language of the West, when nothing has been learned yet.
DEFAULT_RATIO = 0.25
# The latest reported calls that are learned from, and the text it takes to learn.
LATEST_CALLS = 20_000
FEWEST_CHARACTERS = 1_000
KNOWN_FOR_S = 60.0

VENDORS_AND_FAMILY = re.compile(r"(?:[a-z-]+\.)*([a-z]+)")


@dataclass(frozen=True, slots=True)
class Sample:
    """One side of one reported call. `hidden` are tokens of reasoning, whose text may never have been sent."""

    model: str
    side: Side
    characters: int
    tokens: int
    hidden: int = 0


class Learned(NamedTuple):
    """Tokens per character, the calls it was learned from, and by what share half of those are missed by more."""

    ratio: float
    rows: int
    median_error: float


def families_of(model_id: str) -> tuple[str, ...]:
    """The model itself, its family, its provider: `openai:gpt-5.5`, `openai:gpt*`, `openai:*`."""
    provider, _, name = model_id.lower().partition(":")
    family = VENDORS_AND_FAMILY.match(name.rsplit("/")[-1])
    wide = (f"{provider}:{family[1]}*", f"{provider}:*") if family else (f"{provider}:*",)
    return (model_id.lower(), *wide)


# --- learning ---------------------------------------------------------------


def ratios_from(samples: Iterable[Sample]) -> dict[tuple[str, Side], Learned]:
    """Of each family and side about which `samples` say enough."""
    of_family: defaultdict[tuple[str, Side], list[Sample]] = defaultdict(list)
    for sample in samples:
        for family in families_of(sample.model):
            of_family[family, sample.side].append(sample)
    found = {key: ratio_from(own) for key, own in of_family.items()}
    return {key: ratio for key, ratio in found.items() if ratio}


def ratio_from(samples: list[Sample]) -> Learned | None:
    """From the calls without reasoning; from all where a family always reasons.

    Sums, not a mean of ratios: long texts are what costs money.
    """
    for trusted in ([sample for sample in samples if not sample.hidden], samples):
        characters = sum(sample.characters for sample in trusted)
        if characters >= FEWEST_CHARACTERS:
            ratio = sum(sample.tokens for sample in trusted) / characters
            return Learned(ratio, len(samples), median(error_of(sample, ratio) for sample in samples))
    return None


def error_of(sample: Sample, ratio: float) -> float:
    """How far off the estimate is, as a share of what was counted."""
    return abs(tokens_at(ratio, sample.characters) - sample.tokens) / sample.tokens


def learn_when_due() -> None:
    """Once a day."""
    if not TokenRatio.objects.filter(learned_at__gt=Now() - timedelta(hours=20)).exists():
        learn_ratios()


def learn_ratios() -> int:
    """Learn all ratios anew from the latest reported calls; returns how many there are now."""
    found = ratios_from(latest_samples())
    rows = [
        TokenRatio(family=family[:200], side=side, learned_at=timezone.now(), **learned._asdict())
        for (family, side), learned in found.items()
    ]
    updated = [*Learned._fields, "learned_at"]
    TokenRatio.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["family", "side"], update_fields=updated, batch_size=500
    )
    forget_ratios()
    return len(rows)


def latest_samples() -> Iterable[Sample]:
    """Both sides of the latest reported calls. A side counts that has text, and no more tokens than characters:
    otherwise it was an image, or a tool's work, that was counted.
    """
    reported = UsageRecord.objects.filter(
        confidence=UsageRecord.Confidence.REPORTED, corrects=None, sent_characters__gt=0, fresh_input__isnull=False
    )
    columns = ("model_asked", "sent_characters", "received_characters", "fresh_input", "cache_read", "cache_write")
    rows = reported.order_by("-created_at").values_list(*columns, "output", "reasoning")[:LATEST_CALLS]
    for model, sent, received, fresh, read, write, output, reasoning in rows.iterator(chunk_size=2_000):
        tokens_in = fresh + (read or 0) + (write or 0)
        if 0 < tokens_in <= sent:
            yield Sample(model, "input", sent, tokens_in)
        hidden = reasoning or 0
        if received and output > 0 and output - hidden <= received:
            yield Sample(model, "output", received, output, hidden)


# --- estimating -------------------------------------------------------------

_known: dict[tuple[str, str], float] = {}
_known_until_s = 0.0


def estimated_tokens(model_id: str, characters: int, side: Side) -> int:
    """About how many tokens `characters` of text are for provider:model, rounded up.

    By the ratio of the model, of its family or of its provider, whichever is known first.
    """
    return tokens_at(ratio_of(model_id, side), characters)


def tokens_at(ratio: float, characters: int) -> int:
    return math.ceil(round(characters * ratio, 6))


def ratio_of(model_id: str, side: Side) -> float:
    """Tokens per character."""
    known = known_ratios()
    return next((known[family, side] for family in families_of(model_id) if (family, side) in known), DEFAULT_RATIO)


def known_ratios() -> dict[tuple[str, str], float]:
    """All that has been learned, read once a minute."""
    global _known, _known_until_s
    if monotonic() >= _known_until_s:
        _known = {
            (family, side): ratio for family, side, ratio in TokenRatio.objects.values_list("family", "side", "ratio")
        }
        _known_until_s = monotonic() + KNOWN_FOR_S
    return _known


def forget_ratios() -> None:
    """Read them anew the next time."""
    global _known_until_s
    _known_until_s = 0.0
