"""Deleting one's account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import render

from conversations.leaving import LastSuperuser, delete_account, is_last_superuser
from conversations.models import Conversation, UsageRecord
from conversations.views.requests import Request

PAGE = "exports/delete_account.html"


class LeavingForm(forms.Form):
    """The password; of accounts that have none (single sign-on) the username, typed."""

    proof = forms.CharField(strip=False)

    def __init__(self, user: User, *args: Any) -> None:
        super().__init__(*args)
        self.user = user
        self.by_password = user.has_usable_password()
        field = self.fields["proof"]
        field.label = "Your password" if self.by_password else f"Type your username, {user.get_username()}"
        autocomplete = "current-password" if self.by_password else "off"
        widget = forms.PasswordInput if self.by_password else forms.TextInput
        field.widget = widget({"autocomplete": autocomplete, "required": True})

    def clean_proof(self) -> str:
        proof: str = self.cleaned_data["proof"]
        if self.by_password and not self.user.check_password(proof):
            raise forms.ValidationError("This is not your password.")
        if not self.by_password and proof.strip() != self.user.get_username():
            raise forms.ValidationError("This is not your username.")
        return proof


@login_required
def delete(request: Request) -> HttpResponse:
    """Says what goes and what stays, asks for proof, then does it."""
    user = User.objects.get(pk=request.user.pk)
    form = LeavingForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            delete_account(user)
        except LastSuperuser:
            return page(request, user, form, status=409)
        logout(request)
        return render(request, "exports/account_deleted.html")
    return page(request, user, form, status=422 if request.method == "POST" else 200)


def page(request: Request, user: User, form: LeavingForm, *, status: int) -> HttpResponse:
    context = {
        "form": form,
        "last_superuser": is_last_superuser(user),
        "conversation_count": Conversation.objects.filter(owner=user).count(),
        "call_count": UsageRecord.objects.filter(user_key=user.pk, corrects=None).count(),
        "number": user.pk,
    }
    return render(request, PAGE, context, status=status)
