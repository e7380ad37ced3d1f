"""One answer as server-sent events. Every ending is status 200 and one `done`; see DESIGN section 4."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from uuid import UUID

from django.conf import settings
from django.http import Http404, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from chatsite.lanes import in_database
from conversations.access import own_message
from conversations.generating.sweep import sweep_silent
from conversations.models import Conversation, Generation, Message
from conversations.streaming.follower import followed
from conversations.streaming.hub import HUBS, Hub
from conversations.streaming.viewer import only_final, watch
from conversations.views.outlook import outlook
from conversations.views.requests import Request

STREAM = "conversations/stream.html"
# When the page first asks for the title that a model gives.
TITLE_AFTER_S = 2


@require_safe
def stream(request: Request, message_id: UUID) -> StreamingHttpResponse:
    """The answer from where the browser's Last-Event-ID points, to its end."""
    hub = HUBS.of_message(message_id)
    if hub and hub.lets_in(request.session.session_key):
        request.user_key = hub.owner_id
        return event_stream(events(request, message_id, hub))
    if not request.user.is_authenticated:
        return event_stream(only_final(signed_out(message_id)))
    if hub and hub.owner_id == request.user.pk:
        return event_stream(events(request, message_id, hub))
    try:
        generation = latest_run(request, message_id)
    except Http404:
        if "Last-Event-ID" in request.headers:
            # It was deleted while a page was away: told so, or its browser would ask for ever.
            return event_stream(only_final(gone(message_id)))
        raise
    return event_stream(events(request, message_id, None, generation))


async def events(
    request: Request, message_id: UUID, hub: Hub | None, generation: Generation | None = None
) -> AsyncGenerator[bytes]:
    if generation:
        hub = await hub_of(generation)
    final = partial(in_database(final_html), request, message_id, hub)
    seen = watch(hub, request.headers.get("Last-Event-ID", ""), final) if hub else only_final(await final())
    async with aclosing(seen):
        async for event in seen:
            yield event


async def hub_of(generation: Generation) -> Hub | None:
    """Where the run can be watched; None when it has ended."""
    return await followed(generation, sweep_silent) if generation.is_active else HUBS.of_run(generation.pk)


def latest_run(request: Request, message_id: UUID) -> Generation | None:
    message = own_message(request.user, message_id, Message.Role.ASSISTANT)
    return message.generations.select_related("conversation").order_by("-created_at", "-pk").first()


def final_html(request: Request, message_id: UUID, hub: Hub | None) -> SafeString:
    """The finished message and what changes with it; a notice when it has been deleted meanwhile."""
    try:
        message = stored_message(message_id, hub)
    except (Conversation.DoesNotExist, Message.DoesNotExist):
        return gone(message_id)
    context = {
        "message": message,
        # Its continuation, where a process that followed the run hears of the end only after that has begun.
        "running": message.run if message.run and message.run.is_active else None,
        # Even if it has been found by now: the page does not show it yet.
        "title_in_s": TITLE_AFTER_S if settings.TITLES == "model" else None,
        **outlook(message.conversation.owner_id, message.conversation.model, message.conversation, [message]),
    }
    return render_to_string(f"{STREAM}#done", context, request)


def stored_message(message_id: UUID, hub: Hub | None) -> Message:
    """As it was stored a moment ago, if that is known here, else as it is in the database now."""
    if hub and hub.final:
        return hub.final
    conversation = Conversation.objects.get(messages=message_id)
    message = Message.branch_to(message_id, conversation.pk, last=1)[0]
    message.conversation = conversation
    return message


def gone(message_id: UUID) -> SafeString:
    return render_to_string(f"{STREAM}#gone", {"message_id": message_id})


def signed_out(message_id: UUID) -> SafeString:
    return render_to_string(f"{STREAM}#signed_out", {"message_id": message_id})


def event_stream(events: AsyncGenerator[bytes]) -> StreamingHttpResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=headers)
