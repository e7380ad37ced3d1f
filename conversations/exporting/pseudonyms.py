"""People as pseudonyms: the same person is the same word all through one export, and another word in the next.

Replaced are: who owns a conversation or a call; and in titles, texts, prompts and the data of parts, every word that is
a username, a first or last name or an e-mail address of an account of this site. What this cannot do: it does not know
people who have no account, nick-names, misspelt or inflected names, names shorter than three letters, or anything that
tells who somebody is without naming them; it does not look into pictures and files. A name that is also an ordinary
word is replaced wherever that word stands.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import get_user_model

from conversations.exporting.records import Person, Whole

SHORTEST_NAME = 3
# What can be an address or a username, without the punctuation around it; within it, words.
TOKEN = re.compile(r"\w(?:[\w.@+-]*\w)?")
PUNCTUATION = ".@+-"
WORD = re.compile(r"[^\W_]+")


class Pseudonyms:
    """`key` makes them: whoever does not have it cannot find out who is who by trying names."""

    def __init__(self, key: bytes, names: Iterable[tuple[int, str]]) -> None:
        self._key = key
        self._by_name: dict[str, str] = {}
        for person, name in names:
            bare = name.strip(PUNCTUATION).casefold()
            if len(bare) >= SHORTEST_NAME:
                self._by_name.setdefault(bare, self.of(person))

    def of(self, person: int | None) -> str:
        """The pseudonym of the account with that number."""
        return f"person-{hmac.new(self._key, str(person).encode(), sha256).hexdigest()[:10]}"

    def hide(self, whole: Whole) -> Whole:
        """The conversation without names, in place."""
        conversation = whole.conversation
        owner = Person(None, self.of(conversation.owner.id), "")
        conversation.owner = owner
        conversation.title = self.in_text(conversation.title)
        conversation.system_prompt = self.in_text(conversation.system_prompt)
        conversation.settings = self.in_data(conversation.settings)
        for part in whole.texts():
            text = self.in_text(part.text)
            if text != part.text:
                part.text, part.html = text, None
            part.data = self.in_data(part.data)
        for message in conversation.messages:
            for run in message.runs:
                run.events = self.in_data(run.events)
        for call in whole.calls:
            call.owner = owner
        return whole

    def in_text(self, text: str) -> str:
        folded, names = text.casefold(), self._by_name.keys()
        if names.isdisjoint(TOKEN.findall(folded)) and names.isdisjoint(WORD.findall(folded)):
            return text
        return TOKEN.sub(self._of_token, text)

    def in_data(self, value: Any) -> Any:
        """The same for every text within a JSON value; files in it (`base64`) stay as they are."""
        match value:
            case str():
                return self.in_text(value)
            case list():
                return [self.in_data(item) for item in value]
            case dict():
                return {name: inner if name == "base64" else self.in_data(inner) for name, inner in value.items()}
        return value

    def _of_token(self, token: re.Match[str]) -> str:
        return self._by_name.get(token[0].casefold()) or WORD.sub(self._of_word, token[0])

    def _of_word(self, word: re.Match[str]) -> str:
        return self._by_name.get(word[0].casefold(), word[0])


def pseudonyms_of_site(purpose: object) -> Pseudonyms:
    """Those of one export: `purpose` is its id, so that an export that is taken up again goes on with the same ones."""
    key = hmac.new(settings.SECRET_KEY.encode(), f"pseudonyms of {purpose}".encode(), sha256).digest()
    return Pseudonyms(key, names_of_accounts())


def names_of_accounts() -> Iterator[tuple[int, str]]:
    """(account, name) for every name and address that accounts have."""
    people = get_user_model().objects.order_by("pk")
    fields = ("pk", "username", "email", "first_name", "last_name")
    for pk, username, email, *full in people.values_list(*fields).iterator():
        yield pk, username
        yield pk, email
        for name in full:
            yield from ((pk, word) for word in WORD.findall(name))
    for pk, email in EmailAddress.objects.values_list("user_id", "email").iterator():
        yield pk, email
