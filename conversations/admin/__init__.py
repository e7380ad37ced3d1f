"""The admin: what a support person needs. States are not editable, the ledger is not deletable."""

from conversations.admin import catalog, conversations, health, ledger

__all__ = ["catalog", "conversations", "health", "ledger"]
