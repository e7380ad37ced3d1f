"""The admin: what a support person needs. States are not editable, the ledger is not deletable."""

from conversations.admin import (
    alerts,
    audit,
    budgets,
    catalog,
    conversations,
    estimates,
    exports,
    generations,
    health,
    ledger,
    people,
    prices,
    recomputes,
    site,
)

__all__ = [
    "alerts",
    "audit",
    "budgets",
    "catalog",
    "conversations",
    "estimates",
    "exports",
    "generations",
    "health",
    "ledger",
    "people",
    "prices",
    "recomputes",
    "site",
]
