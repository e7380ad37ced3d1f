"""Who may see what: every look-up by a user. Missing and somebody else's are the same: 404."""

from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import Http404

from conversations.models import Conversation, Generation, Message

type Visitor = AbstractBaseUser | AnonymousUser


def own_conversation(user: Visitor, conversation_id: UUID) -> Conversation:
    return found(Conversation.objects.filter(pk=conversation_id, owner_id=user.pk).first())


def own_message(user: Visitor, message_id: UUID, *roles: str) -> Message:
    """A message of a conversation of `user`, of one of `roles`, with its conversation and parent."""
    mine = Message.objects.select_related("conversation", "parent").filter(conversation__owner_id=user.pk)
    return found(mine.filter(pk=message_id, role__in=roles or Message.Role.values).first())


def branch_of(conversation: Conversation, *, before: Message | None = None, last: int | None = None) -> list[Message]:
    """What is shown of it; 404 when it was deleted since it was found."""
    try:
        return conversation.branch(before=before, last=last)
    except Message.DoesNotExist as deleted:
        raise Http404 from deleted


def own_generation(user: Visitor, generation_id: UUID) -> Generation:
    mine = Generation.objects.select_related("conversation", "message").filter(conversation__owner_id=user.pk)
    return found(mine.filter(pk=generation_id).first())


def found[Row](row: Row | None) -> Row:
    if row is None:
        raise Http404
    return row
