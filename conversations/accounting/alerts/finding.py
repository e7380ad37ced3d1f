"""What is worth an alert, before anybody has looked whether it has been raised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from conversations.models import Alert


@dataclass(frozen=True, slots=True)
class Finding:
    """`user_key` is the person it is about; `for_staff` says whether those who mind the bill hear of it.

    `facts` are what letters and webhooks are made of; money is text with all its digits.
    """

    kind: str
    subject: str
    first_day: date
    title: str
    facts: dict[str, object]
    level: int = 0
    user_key: int | None = None
    for_staff: bool = True

    @property
    def key(self) -> tuple[str, str, date]:
        return self.kind, self.subject, self.first_day

    def alert(self) -> Alert:
        """The unsaved row."""
        return Alert(
            kind=self.kind,
            subject=self.subject,
            first_day=self.first_day,
            level=self.level,
            user_key=self.user_key,
            title=self.title[:200],
            facts=self.facts,
        )


def rounded(usd: Decimal) -> str:
    """To four digits: estimates have no more to say."""
    return str(usd.quantize(Decimal("0.0001")))
