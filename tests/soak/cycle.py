"""One cycle: a story as it happens."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import uuid4

import httpx2

from tests.proxy import Proxy, proxying
from tests.site.exchanges import Exchange, ask, stop
from tests.site.viewing import View, follow, viewing
from tests.soak.people import Person
from tests.soak.stories import Leg, Story
from tests.streaming.page import Page

DEAF_FOR_S, SWALLOWED_FOR_S = 0.5, 0.2


@dataclass
class Watched:
    """What a viewer has: the page as it grew, and the HTML of `done` if they stayed so long."""

    page: Page
    final: str = ""


@dataclass(frozen=True)
class Outcome:
    """The run of a story, the one that a second question began if any, and what its viewers have."""

    exchange: Exchange
    later: Exchange | None
    views: list[Watched]


async def live(person: Person, story: Story) -> Outcome:
    """To the end of the run, whoever watches."""
    exchange = await submit(person, story)
    async with asyncio.TaskGroup() as together:
        viewers = [together.create_task(watch(person, story, legs, exchange)) for legs in story.viewers]
        acting = together.create_task(act(person, story, exchange))
    outcome = Outcome(exchange, acting.result(), [viewer.result() for viewer in viewers])
    person.earlier = None if story.act == "delete" else outcome.later or exchange
    await asyncio.to_thread(person.sign_in)
    if person.earlier:
        if not story.viewers:
            await asyncio.to_thread(exchange.ended)
        for run in filter(None, (exchange, outcome.later)):
            await follow(person.sites[story.looks_at].port, run.message_id, name=person.session)
    return outcome


async def submit(person: Person, story: Story) -> Exchange:
    """Press Send: once, twice at once, or again because the response was lost."""
    site, browser = person.sites[story.process], person.browsers[story.process]
    below = person.earlier if story.goes_on else None
    key = str(uuid4())

    async def send(client: httpx2.Client) -> Exchange:
        question = f"Cycle {story.number}"
        return await asyncio.to_thread(ask, site, client, question, model=person.offered_model, key=key, to=below)

    if story.submits == "lost":
        async with proxying(site.port) as proxy:
            proxy.cut_next(story.cut_after)
            with replace(site, port=proxy.port).signed_in(person.session) as losing, suppress(httpx2.HTTPError):
                await send(losing)
    first, *others = await asyncio.gather(*(send(browser) for _ in range(2 if story.submits == "twice" else 1)))
    assert all(other == first for other in others), (first, others)
    return first


# --- viewers ----------------------------------------------------------------


async def watch(person: Person, story: Story, legs: tuple[Leg, ...], exchange: Exchange) -> Watched:
    """One connection after the other, until `done` or until the viewer does not come back."""
    watched = Watched(Page(str(exchange.message_id)))
    for leg in legs:
        if not leg.returns:
            await asyncio.to_thread(person.browsers[leg.process].get, exchange.url)
            watched.page = Page(str(exchange.message_id))
        async with proxying(person.sites[leg.process].port) as proxy:
            proxy.delay(leg.delay_s)
            if leg.ends in ("reset", "close"):
                proxy.cut_next(leg.after, how=leg.how)
            while not await has_seen_the_end(person, story, leg, proxy, watched) and leg.ends == "done":
                pass
        if watched.final:
            break
    return watched


async def has_seen_the_end(person: Person, story: Story, leg: Leg, proxy: Proxy, watched: Watched) -> bool:
    """One connection, from the last event id on."""
    page = watched.page
    with suppress(ConnectionError):
        async with viewing(proxy.port, page.message_id, name=person.session, last_event_id=page.last_event_id) as view:
            if view.status == 404 and story.act == "delete":
                return True
            assert view.status == 200, view.status
            await read(view, leg, watched, proxy)
    return bool(watched.final)


async def read(view: View, leg: Leg, watched: Watched, proxy: Proxy) -> None:
    """The events of one connection, as far as the leg goes."""
    left = leg.after if leg.ends in ("swallow", "leave", "deaf") else None
    async for event in view:
        watched.page.receive(event.raw)
        if event.name == "done":
            watched.final = event.data
        if left == 0:
            break
        left = left and left - 1
    if leg.ends == "swallow":
        proxy.swallow()
        await asyncio.sleep(SWALLOWED_FOR_S)
    if leg.ends == "deaf":
        view.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(DEAF_FOR_S)


# --- what else the person does ----------------------------------------------


async def act(person: Person, story: Story, exchange: Exchange) -> Exchange | None:
    """From another tab, at any time; gives the run that it began, if any."""
    await asyncio.sleep(story.act_after_s)
    browser = person.browsers[story.act_process]

    async def post(url: str, **form: str) -> int:
        return (await asyncio.to_thread(browser.post, url, data=form)).status_code

    match story.act:
        case "stop" | "stop twice":
            for _ in story.act.split():
                assert (await asyncio.to_thread(stop, browser, exchange)).status_code == 302
        case "delete":
            assert await post(f"{exchange.url}delete") == 302
        case "sign out":
            assert await post("/accounts/logout/") == 302
        case "ask again":
            form = {"text": "And?", "model": person.offered_model, "client_key": str(uuid4())}
            status = await post(f"{exchange.url}messages/", **form)
            assert status in (302, 409), status
            return await asyncio.to_thread(exchange.latest) if status == 302 else None
    return None
