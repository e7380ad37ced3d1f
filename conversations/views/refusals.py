"""When a question cannot be answered now: why, that its text was kept, and what helps. One place for all limits."""

from dataclasses import dataclass, field

from django.conf import settings
from django.http import HttpResponse

from conversations.accounting.budget_words import used_up
from conversations.accounting.budgets import BudgetUsedUp, seconds_until
from conversations.generating.beginning import SiteBusy, SiteRestarting
from conversations.models import Conversation, RunInProgress, TooManyMessages, TooManyRuns

BUSY_FOR_S = 10
RESTARTING_FOR_S = 5

REFUSALS = (RunInProgress, TooManyRuns, TooManyMessages, SiteBusy, SiteRestarting, BudgetUsedUp)


@dataclass(frozen=True, slots=True)
class Refusal:
    """`sentence` for the reader, the HTTP status, `retry_after_s` where time helps, what they could stop instead."""

    sentence: str
    status: int
    retry_after_s: int | None = None
    running: list[Conversation] = field(default_factory=list)

    def said_in(self, response: HttpResponse) -> HttpResponse:
        """The response with what programs need to know."""
        if self.retry_after_s:
            response["Retry-After"] = str(self.retry_after_s)
        return response


def refusal_of(error: Exception) -> Refusal:
    match error:
        case RunInProgress():
            return Refusal("This conversation is still being answered. Wait for the answer, or stop it first.", 409)
        case TooManyRuns(running=running):
            return Refusal(
                f"You have {settings.RUNS_PER_USER} answers running, as many as one person may have at a time. "
                "Wait for one to finish, or open one of these conversations and stop it:",
                429,
                running=running,
            )
        case TooManyMessages():
            return Refusal(
                f"You have sent {settings.MESSAGES_PER_MINUTE} messages within a minute, as many as this site allows. "
                "Send this one in a minute.",
                429,
                retry_after_s=60,
            )
        case BudgetUsedUp(account=account):
            return Refusal(used_up(error), 429, retry_after_s=seconds_until(account.resets_at))
        case SiteRestarting():
            return Refusal(
                "The site is being restarted just now. Nothing is lost: send this again in a few seconds.",
                503,
                retry_after_s=RESTARTING_FOR_S,
            )
    return Refusal(
        "Very many answers are being written just now and the line is full. Send this again in a few seconds.",
        503,
        retry_after_s=BUSY_FOR_S,
    )
