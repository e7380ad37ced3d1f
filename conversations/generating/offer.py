"""Which models this site offers and how each is to be asked: the catalogue as settings and an admin have changed it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from threading import Thread

from django.conf import settings

from chatsite.garbage import settle
from conversations.models import CatalogEntry
from conversations.models.prepared import Prepared
from conversations.rendering.blocks import preload
from providers.attempts import Policy
from providers.catalog import ModelInfo, find
from providers.contract import Timeouts
from providers.health import Health
from providers.prices import price_of
from providers.registry import BUILT_IN, CompatibleServer, Registry

CATALOG = Prepared(lambda: CatalogEntry.objects.all())

# How the models have been doing, as this process saw it.
HEALTH = Health()


@dataclass(frozen=True, slots=True)
class Offer:
    """A model as this site uses it."""

    info: ModelInfo
    fallbacks: tuple[str, ...]
    policy: Policy
    timeouts: Timeouts
    longest_run_s: float
    cached: bool
    cache_shared: bool


@cache
def registry() -> Registry:
    """The providers this process can open; one for the life of the process."""
    return Registry(
        settings.PROVIDER_ENVIRONMENT,
        [CompatibleServer(**server) for server in settings.COMPATIBLE_SERVERS],
        site_timeouts(),
    )


def site_timeouts() -> Timeouts:
    return Timeouts(settings.CONNECT_TIMEOUT_S, settings.FIRST_EVENT_TIMEOUT_S, settings.BETWEEN_EVENTS_TIMEOUT_S)


class Offers:
    """What the site offers at this moment: what an admin says, else the settings. Reads the catalogue in one query."""

    def __init__(self) -> None:
        self._entries = {entry.model: entry for entry in CATALOG.objects()}

    def models(self) -> list[ModelInfo]:
        """Those a user may pick, the default first. Never empty: the demo model is there when nothing else is."""
        known = {model.id: model for model in built_in_models()}
        for entry in self._entries.values():
            known[entry.model] = overridden(known.get(entry.model) or named(entry.model), entry)
        first = [entry.model for entry in self._entries.values() if entry.offered]
        order = [*first, *(name for name in known if name not in self._entries)]
        return [known[name] for name in order] or built_in_models()

    def of(self, name: str) -> Offer:
        """How `provider:model` is asked here."""
        entry = self._entries.get(name) or CatalogEntry(model=name)
        fallbacks = entry.fallbacks.split(",") if entry.fallbacks else settings.FALLBACKS.get(name, [])
        continues = settings.FALLBACK_CONTINUES if entry.fallback_continues is None else entry.fallback_continues
        site = site_timeouts()
        return Offer(
            info=overridden(named(name), entry),
            fallbacks=tuple(fallback.strip() for fallback in fallbacks if fallback.strip() not in ("", name)),
            policy=Policy(settings.ATTEMPTS, settings.FIRST_RETRY_WAIT_S, settings.LONGEST_RETRY_WAIT_S, continues),
            timeouts=Timeouts(
                site.connect_s,
                entry.first_event_timeout_s or site.first_event_s,
                entry.between_events_timeout_s or site.between_events_s,
            ),
            longest_run_s=entry.longest_run_s or settings.LONGEST_RUN_S,
            cached=name in settings.CACHED_MODELS if entry.cached is None else entry.cached,
            cache_shared=entry.cache_shared or settings.CACHE_SHARED,
        )

    def chain(self, name: str) -> list[Offer]:
        """The model and its fallbacks, in the order in which they are asked."""
        first = self.of(name)
        return [first, *map(self.of, first.fallbacks)]


def built_in_models() -> list[ModelInfo]:
    return [named(name) for name in settings.MODELS] or registry().models()


def known_models() -> list[str]:
    """Every model this site has a name for, offered or not."""
    return sorted({model.id for model in built_in_models()} | set(CatalogEntry.objects.values_list("model", flat=True)))


def provider_names() -> list[str]:
    """What the name of a model may begin with, whether a key is there or not."""
    return sorted({*BUILT_IN, *registry().provider_names()})


def providers_without_key() -> set[str]:
    return set(provider_names()) - set(registry().provider_names())


def named(name: str) -> ModelInfo:
    """What the catalogue knows of `provider:model`; plain abilities when nothing."""
    provider, _, model = name.partition(":")
    return find(provider, model)


def overridden(info: ModelInfo, entry: CatalogEntry) -> ModelInfo:
    return replace(
        info,
        title=entry.title or info.title,
        context_tokens=entry.context_tokens or info.context_tokens,
        max_output_tokens=entry.max_output_tokens or info.max_output_tokens,
    )


def begin_warm_up() -> None:
    """At the start of a process that runs answers: what the first one will need is imported meanwhile, for seconds."""
    if settings.WARM_UP:
        Thread(target=warm_up, daemon=True).start()


def warm_up() -> None:
    registry().preload()
    for provider in registry().provider_names():
        price_of(provider, "", datetime.now(UTC))
    preload()
    settle()
