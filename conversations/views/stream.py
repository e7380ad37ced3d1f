"""One answer as server-sent events. Every ending is status 200 and one `done`; see DESIGN section 4."""

from collections.abc import AsyncGenerator
from functools import partial
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from conversations.access import own_message
from conversations.models import Conversation, Generation, Message
from conversations.streaming.follower import followed
from conversations.streaming.hub import HUBS, Hub
from conversations.streaming.viewer import only_final, watch

STREAM = "conversations/stream.html"


@require_safe
async def stream(request: HttpRequest, message_id: UUID) -> StreamingHttpResponse:
    """The answer from where the browser's Last-Event-ID points, to its end."""
    user = await request.auser()
    if not user.is_authenticated:
        return event_stream(only_final(signed_out(message_id)))
    try:
        generation = await sync_to_async(latest_run)(request, message_id)
    except Http404:
        if "Last-Event-ID" in request.headers:
            # It was deleted while a page was away: told so, or its browser would ask for ever.
            return event_stream(only_final(gone(message_id)))
        raise
    final = partial(sync_to_async(final_html), request, message_id)
    hub = await hub_of(generation) if generation else None
    if hub is None:
        return event_stream(only_final(await final()))
    return event_stream(watch(hub, request.headers.get("Last-Event-ID", ""), final))


async def hub_of(generation: Generation) -> Hub | None:
    """Where the run can be watched; None when it has ended."""
    if generation.pk in HUBS:
        return HUBS[generation.pk]
    return await followed(generation) if generation.is_active else None


def latest_run(request: HttpRequest, message_id: UUID) -> Generation | None:
    message = own_message(request.user, message_id, Message.Role.ASSISTANT)
    return message.generations.order_by("-pk").first()


def final_html(request: HttpRequest, message_id: UUID) -> SafeString:
    """The finished message and what changes with it; a notice when it has been deleted meanwhile."""
    conversation = Conversation.objects.filter(messages=message_id).first()
    if conversation is None:
        return gone(message_id)
    message = Message.branch_to(message_id, conversation.pk, last=1)[0]
    return render_to_string(f"{STREAM}#done", {"message": message, "conversation": conversation}, request)


def gone(message_id: UUID) -> SafeString:
    return render_to_string(f"{STREAM}#gone", {"message_id": message_id})


def signed_out(message_id: UUID) -> SafeString:
    return render_to_string(f"{STREAM}#signed_out", {"message_id": message_id})


def event_stream(events: AsyncGenerator[bytes]) -> StreamingHttpResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=headers)
