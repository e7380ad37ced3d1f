"""What a reader is told about a run that did not simply finish: what happened, what was kept, what to do next."""

from dataclasses import dataclass
from typing import Any

KEPT = "Everything above was kept."
NOTHING = "Your message was kept."


@dataclass(frozen=True, slots=True)
class Notice:
    """`happened` and `next` are sentences; between them stands what was kept, which depends on the text there is."""

    happened: str
    next: str

    def sentence(self, *, has_text: bool) -> str:
        what_next = GO_ON if has_text and self.next == RETRY else self.next
        return f"{self.happened} {KEPT if has_text else NOTHING} {what_next}"


GO_ON = "Continue from here, or retry for a new answer."
RETRY = "Retry now or in a moment, or pick another model."
OTHER_MODEL = "Pick another model and retry; an admin can check the account of this one."

FAILED = {
    "key_rejected": Notice("The provider did not accept this site's key.", OTHER_MODEL),
    "quota_exhausted": Notice("The site's account with this provider has no credit or quota left.", OTHER_MODEL),
    "model_unknown": Notice("The provider does not know this model (any more).", "Pick another model and retry."),
    "context_too_long": Notice(
        "This conversation has become too long for the model.",
        "Start a new conversation, or pick a model that takes more.",
    ),
    "request_refused": Notice(
        "The provider refused this request as it stands.", "Edit your message, or pick another model and retry."
    ),
    "rate_limited": Notice("The provider is getting too many requests from this site.", RETRY),
    "overloaded": Notice("The provider is overloaded or down at the moment.", RETRY),
    "disconnected": Notice("The connection to the provider broke.", RETRY),
    "silent_too_long": Notice("The model went silent for too long.", RETRY),
    "garbled": Notice("The provider sent something that could not be read.", RETRY),
    "ran_too_long": Notice("The model wrote for longer than this site allows.", GO_ON),
    "internal": Notice("Something went wrong on this site; the error has been logged.", RETRY),
}

STOPPED = Notice("This answer was stopped.", GO_ON)
INTERRUPTED = Notice("The server was restarted while this was being written.", GO_ON)
LENGTH = Notice("The answer reached the longest length this model may write.", "Continue to get the rest.")
REFUSED = Notice("The model declined to answer.", "Edit your message, or pick another model and retry.")
PAUSED = Notice("The model paused here.", "Continue to let it go on.")
EMPTY = Notice("The model finished without saying anything.", RETRY)


def notice_for(status: str, error_kind: str, finish_reason: str, *, has_text: bool, budget: str = "") -> str:
    """The sentence for a run that ended so, by the `budget` if one is named; empty when there is nothing to say."""
    if budget:
        return over_budget(status, budget).sentence(has_text=has_text)
    if status == "failed":
        return FAILED.get(error_kind, FAILED["internal"]).sentence(has_text=has_text)
    if status == "stopped":
        return STOPPED.sentence(has_text=has_text)
    if status == "interrupted":
        return INTERRUPTED.sentence(has_text=has_text)
    by_reason = {"length": LENGTH, "refused": REFUSED, "paused": PAUSED}.get(finish_reason)
    if by_reason is None and not has_text and status == "complete":
        by_reason = EMPTY
    return by_reason.sentence(has_text=has_text) if by_reason else ""


def over_budget(status: str, name: str) -> Notice:
    if status == "stopped":
        return Notice(f"This answer was stopped: the budget “{name}” allows no longer one.", GO_ON)
    return Notice(f"The budget “{name}” allows no longer answer.", "Continue to get the rest.")


def budget_that_ended_it(events: list[dict[str, Any]]) -> str:
    """The name of the budget that made an answer short; empty when none did."""
    return next((event["name"] for event in reversed(events) if event["kind"] == "budget"), "")


# Why another attempt or another model was needed, as the middle of a sentence: "GPT-5.5 was overloaded".
REASONS = {
    "key_rejected": "did not accept this site's key",
    "quota_exhausted": "has no quota left",
    "model_unknown": "is not known to its provider",
    "context_too_long": "does not take a conversation this long",
    "request_refused": "refused the request",
    "rate_limited": "was getting too many requests",
    "overloaded": "was overloaded",
    "disconnected": "could not be reached",
    "silent_too_long": "stayed silent",
    "garbled": "sent something unreadable",
}


def trying_again(event: dict[str, Any], wait_s: float) -> str:
    """What a reader who waits is told when an attempt has failed and the next is to come."""
    reason = f"{event['model']} {reason_of(event)}."
    if event["next"] != event["model"]:
        return f"{reason} {event['next']} {'goes on' if event['shown'] else 'is asked instead'}."
    return f"{reason} Retrying in {wait_s:.0f} s." if wait_s >= 1 else f"{reason} Retrying."


def reason_of(event: dict[str, Any]) -> str:
    return "broke off" if event["shown"] else REASONS.get(event["error"], "failed")


def place_in_line(place: int) -> str:
    return f"Many answers are being written just now. You are number {place} in line."


def story(events: list[dict[str, Any]]) -> list[str]:
    """How an answer came about, for its foot: one sentence for each thing worth knowing, none when nothing happened."""
    sentences = [told for event in events if event["kind"] != "failed" for told in [sentence_about(event)] if told]
    failures = [event for event in events if event["kind"] == "failed"]
    changes = [event for event in failures if event["next"] != event["model"]]
    if changes:
        last, verb = changes[-1], "Finished" if changes[-1]["shown"] else "Answered"
        because = " and ".join(f"{event['model']} {reason_of(event)}" for event in changes)
        sentences.append(f"{verb} by {last['next']} because {because}.")
    elif failures:
        sentences.append(
            f"Answered at attempt {len(failures) + 1}: {failures[-1]['model']} "
            f"{REASONS.get(failures[-1]['error'], 'failed')} before."
        )
    return sentences


def sentence_about(event: dict[str, Any]) -> str:
    if event["kind"] == "cache":
        return "From the cache: this answer cost nothing."
    if event["kind"] == "left_out":
        oldest = "oldest message was" if event["turns"] == 1 else f"{event['turns']} oldest messages were"
        return f"The {oldest} not sent: the conversation is longer than the model takes."
    return ""
