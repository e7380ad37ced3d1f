"""The tiles: what was spent, and how that compares with the period before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from conversations.accounting.reports.figures import Figures, change, total
from conversations.accounting.reports.scope import Scope
from conversations.accounting.reports.sums import active_users, plan_of, sums


@dataclass(frozen=True, slots=True)
class Overview:
    """The tiles. `before` is the same of the period before, or of as much of it as has passed of this one."""

    figures: Figures
    before: Figures
    active_users: int
    active_users_before: int

    def change(self, name: str) -> float | None:
        """How much `name` of the figures (or `active_users`) has risen since: 0.25 is a quarter; None is unknown."""
        if name == "active_users":
            return change(self.active_users, self.active_users_before)
        return change(getattr(self.figures, name), getattr(self.before, name))


def overview(scope: Scope, now: datetime | None = None) -> Overview:
    """The tiles, now and before."""
    before = scope.previous(now)
    plan, plan_before = plan_of(scope.period), plan_of(before.period)
    return Overview(
        figures=total(sums(scope, plan=plan)),
        before=total(sums(before, plan=plan_before)),
        active_users=active_users(scope, plan),
        active_users_before=active_users(before, plan_before),
    )
