"""Conversations as pages: a new one, the list, one of them, its title and its end."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from django_htmx.http import push_url

from conversations.access import found, own_conversation
from conversations.forms import QuestionForm, RenameForm
from conversations.generating.beginning import begun
from conversations.generating.titles import LONGEST_S
from conversations.models import Conversation
from conversations.views.begun import answer_begun
from conversations.views.composer import composer, page_of
from conversations.views.outlook import outlook
from conversations.views.refusals import REFUSALS, Refusal, refusal_of
from conversations.views.requests import Request

LIST = "conversations/list.html"
PAGE = "conversations/conversation.html"
PER_PAGE = 30


@login_required
def new(request: Request) -> HttpResponse:
    """An empty page with the composer; posting it starts the conversation."""
    form = QuestionForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return page_of_new(request, form, status=422 if request.method == "POST" else 200)
    try:
        generation = begun(lambda: Conversation.begin(owner_id=request.user.pk, **form.cleaned_data)[1], form.offers)
    except REFUSALS as error:
        refusal = refusal_of(error)
        return refusal.said_in(page_of_new(request, form, refusal=refusal, status=refusal.status))
    conversation = generation.conversation if generation else begun_before(request, form)
    if not request.htmx:
        return redirect(conversation)
    response = answer_begun(request, conversation, generation, form.offered, "begun")
    return push_url(response, conversation.get_absolute_url())


def begun_before(request: Request, form: QuestionForm) -> Conversation:
    """What the same question has begun when it was posted first."""
    return Conversation.objects.get(owner_id=request.user.pk, client_key=form.cleaned_data["client_key"])


def page_of_new(request: Request, form: QuestionForm, *, status: int, refusal: Refusal | None = None) -> HttpResponse:
    context = composer(form.offered, form)
    below = outlook(request.user.pk, context["chosen_model"].id, None, [])
    return render(request, PAGE, {**context, **below, "refusal": refusal}, status=status)


@login_required
@require_safe
def listing(request: Request) -> HttpResponse:
    """All conversations of the reader, those with the searched words in their title, a page at a time."""
    words = request.GET.get("q", "").strip()
    mine = Conversation.objects.filter(owner_id=request.user.pk).listed()
    page = Paginator(mine.titled_like(words), PER_PAGE).get_page(request.GET.get("page"))
    template = f"{LIST}#results" if request.htmx else LIST
    return render(request, template, {"page": page, "words": words})


@login_required
@require_safe
def show(request: Request, conversation_id: UUID) -> HttpResponse:
    return page_of(request, own_conversation(request.user, conversation_id))


@login_required
@require_safe
def earlier(request: Request, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """The messages before one of them: pages of a long conversation, fetched as the reader scrolls up."""
    conversation = own_conversation(request.user, conversation_id)
    before = found(conversation.messages.filter(pk=message_id).first())
    return page_of(request, conversation, before=before, partial="earlier" if request.htmx else "")


@login_required
@require_safe
def title(request: Request, conversation_id: UUID, waited_s: int) -> HttpResponse:
    """The title wherever it stands on the page, and when to ask again: a page whose first answer has just ended asks
    after 2, 4, 8, ... seconds, until a model has found one or is given up on.
    """
    conversation = own_conversation(request.user, conversation_id)
    title_in_s = None if conversation.title_is_final or 2 * waited_s > LONGEST_S else 2 * waited_s
    return render(request, f"{PAGE}#title", {"conversation": conversation, "title_in_s": title_in_s})


@login_required
def rename(request: Request, conversation_id: UUID) -> HttpResponse:
    conversation = own_conversation(request.user, conversation_id)
    form = RenameForm(request.POST or None, initial={"title": conversation.title})
    if request.method == "POST" and form.is_valid():
        conversation.rename(form.cleaned_data["title"])
        return redirect(conversation)
    status = 422 if request.method == "POST" else 200
    return render(request, "conversations/rename.html", {"conversation": conversation, "form": form}, status=status)


@login_required
def delete(request: Request, conversation_id: UUID) -> HttpResponse:
    """Asks first. What is deleted is gone; the ledger keeps its totals."""
    conversation = own_conversation(request.user, conversation_id)
    if request.method == "POST":
        conversation.delete()
        return redirect("new")
    return render(request, "conversations/delete.html", {"conversation": conversation})
