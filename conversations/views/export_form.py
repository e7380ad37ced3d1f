"""What people ask to be exported, checked. Staff who may export everybody's have a few more fields."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.db.models import Q

from conversations.exporting.selection import Selection
from conversations.generating.offer import Offers, named
from conversations.models import Conversation, ExportJob, Generation

STATES = [("", "Any"), *(choice for choice in Generation.Status.choices if choice[0] != Generation.Status.ACTIVE)]


def models_used() -> list[tuple[str, str]]:
    """Every model a conversation has, and those on offer, by the names people pick them by."""
    used = set(Conversation.objects.order_by().values_list("model", flat=True).distinct())
    names = {model.id: model.title for model in Offers().models()}
    names |= {model: named(model).title for model in used - names.keys()}
    return [("", "Any"), *sorted(names.items(), key=lambda choice: choice[1].casefold())]


class ExportForm(forms.Form):
    """Of somebody who exports their own conversations."""

    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    model = forms.ChoiceField(required=False, choices=models_used)
    state = forms.ChoiceField(label="With an answer that is", required=False, choices=STATES)
    words = forms.CharField(label="With these words", required=False, max_length=200)
    format = forms.ChoiceField(choices=ExportJob.Format.choices, widget=forms.RadioSelect, required=False)

    def clean_words(self) -> str:
        words: str = self.cleaned_data["words"]
        return words.replace("\0", "")

    def clean_format(self) -> str:
        return self.cleaned_data["format"] or ExportJob.Format.ARCHIVE

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", "This day lies before the first one.")
        return self.cleaned_data

    def selection(self, user: User, picked: list[str]) -> Selection:
        names = ("since", "until", "model", "state", "words")
        return Selection(user=user.pk, **{name: self.cleaned_data[name] for name in names})


class StaffExportForm(ExportForm):
    """Of somebody who may export everybody's."""

    user = forms.CharField(label="User", required=False, help_text="A username or an e-mail address.")
    group = forms.ModelChoiceField(Group.objects.order_by("name"), required=False, empty_label="Any")
    pseudonymise = forms.BooleanField(label="Pseudonyms instead of names", required=False)
    reason = forms.CharField(
        max_length=500,
        required=False,
        widget=forms.Textarea({"rows": 2}),
        help_text="Kept in the audit log, together with what was exported.",
    )
    field_order = ["user", "group"]

    def clean_user(self) -> User | None:
        name = self.cleaned_data["user"].strip()
        if not name:
            return None
        found = get_user_model().objects.filter(Q(username=name) | Q(email__iexact=name)).order_by("pk")[:2]
        if len(found) != 1:
            raise forms.ValidationError("Nobody here has this username or address." if not found else "Several have.")
        return found[0]

    def selection(self, user: User, picked: list[str]) -> Selection:
        names = ("since", "until", "model", "state", "words")
        owner, group = self.cleaned_data["user"], self.cleaned_data["group"]
        return Selection(
            user=owner.pk if owner else None,
            group=group.pk if group else None,
            conversations=tuple(UUID(pk) for pk in picked),
            **{name: self.cleaned_data[name] for name in names},
        )


class ReasonedExportForm(StaffExportForm):
    """The same when it is sent: now there must be a reason."""

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"].strip()
        if not reason:
            raise forms.ValidationError("Say why: whoever asks later must be able to find out.")
        return reason
