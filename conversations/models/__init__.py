"""Every row and every change of state. Models are sync; whoever crosses into async says so."""

from conversations.models.catalog_entry import CatalogEntry
from conversations.models.conversation import Conversation, RunInProgress, TooManyMessages, TooManyRuns
from conversations.models.generation import BOOT_ID, DraftSegment, Generation, checkpoint
from conversations.models.message import Message, Part
from conversations.models.usage import UsageRecord

__all__ = [
    "BOOT_ID",
    "CatalogEntry",
    "Conversation",
    "DraftSegment",
    "Generation",
    "Message",
    "Part",
    "RunInProgress",
    "TooManyMessages",
    "TooManyRuns",
    "UsageRecord",
    "checkpoint",
]
