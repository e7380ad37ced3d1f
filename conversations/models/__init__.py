"""Every row and every change of state. Models are sync; whoever crosses into async says so."""

from conversations.models.alert import Alert, Delivery
from conversations.models.audit import AuditEntry
from conversations.models.budget import Budget, BudgetAccount, Reservation
from conversations.models.catalog_entry import CatalogEntry
from conversations.models.conversation import Conversation, RunInProgress, TooManyMessages, TooManyRuns
from conversations.models.export_job import ExportJob
from conversations.models.generation import BOOT_ID, DraftSegment, Generation, checkpoint
from conversations.models.message import Message, Part
from conversations.models.pending_call import PendingCall
from conversations.models.price import ModelPrice
from conversations.models.recompute import Correction, Recompute
from conversations.models.rollup import EVERYBODY, ConversationSum, RolledSpan, Span, UsageSum
from conversations.models.token_ratio import TokenRatio
from conversations.models.usage import UsageRecord

__all__ = [
    "Alert",
    "AuditEntry",
    "BOOT_ID",
    "Budget",
    "BudgetAccount",
    "CatalogEntry",
    "Conversation",
    "ConversationSum",
    "Correction",
    "Delivery",
    "DraftSegment",
    "EVERYBODY",
    "ExportJob",
    "Generation",
    "Message",
    "ModelPrice",
    "Part",
    "PendingCall",
    "Recompute",
    "Reservation",
    "RolledSpan",
    "RunInProgress",
    "Span",
    "TooManyMessages",
    "TooManyRuns",
    "TokenRatio",
    "UsageRecord",
    "UsageSum",
    "checkpoint",
]
