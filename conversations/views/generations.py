"""What a reader does with a run: stop it."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from conversations.access import own_generation
from conversations.generating.run import stop_run
from conversations.views.requests import Request


@login_required
@require_POST
def stop(request: Request, generation_id: UUID) -> HttpResponse:
    """Stored in the row, so that it works from any tab and process; also signalled, for speed. Twice does no harm."""
    generation = own_generation(request.user, generation_id)
    if generation.request_stop():
        stop_run(generation)
    if request.htmx:
        return HttpResponse(status=204)
    return redirect(generation.conversation)
