"""The answer cache as this site keeps it: in Redis when there is one, else in the database; per user unless shared."""

from django.conf import settings
from django.core.cache import caches
from msgspec import ValidationError

from conversations.generating.offer import Offer
from conversations.models import Part
from providers.answers import Answer, answer_from_json, is_cacheable, key_of
from providers.contract import ChatRequest, Usage

EVERYBODY = "everybody"


def cache_key(offer: Offer, request: ChatRequest, owner_id: int) -> str:
    """The key of a request whose answer may come from the cache; empty when it may not."""
    if not offer.cached or not is_cacheable(request, hottest=settings.CACHE_HOTTEST):
        return ""
    scope = EVERYBODY if offer.cache_shared else f"user {owner_id}"
    return key_of(offer.info.id, request, scope)


def kept_answer(key: str) -> Answer | None:
    kept = caches["answers"].get(key)
    try:
        return answer_from_json(kept) if kept is not None else None
    except ValidationError:
        return None


def keep_answer(key: str, model: str, parts: list[Part], usage: Usage) -> None:
    said = tuple((part.kind, part.text) for part in parts if part.kind in (Part.Kind.TEXT, Part.Kind.REASONING))
    sources = tuple((source["url"], source["title"]) for part in parts for source in part.data.get("sources", []))
    caches["answers"].set(key, Answer(model, said, sources, usage).to_json(), settings.CACHE_TTL_S)
