"""What browsers send, checked."""

from typing import Any

from django import forms
from django.conf import settings
from uuid_utils.compat import uuid7

from conversations.generating.offer import Offers


class QuestionForm(forms.Form):
    """The composer: also used for editing a question. `client_key` makes a double submit one message."""

    text = forms.CharField(
        strip=False,
        max_length=settings.LONGEST_QUESTION,
        error_messages={
            "required": "Write a message first.",
            "max_length": "This message is too long: it has %(show_value)d characters, %(limit_value)d are allowed. "
            "It was not sent; shorten it or send it in parts.",
        },
    )
    model = forms.CharField()
    client_key = forms.CharField(max_length=64, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offers = Offers()
        self.offered = self.offers.models()

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"].replace("\0", "\ufffd").replace("\r\n", "\n")
        if not text.strip():
            raise forms.ValidationError("Write a message first.", code="required")
        return text

    def clean_model(self) -> str:
        model: str = self.cleaned_data["model"]
        if all(offered.id != model for offered in self.offered):
            raise forms.ValidationError("This model is no longer offered. Pick another one and send again.")
        return model

    def clean_client_key(self) -> str:
        """Every page brings a key; whoever posts without one gets no protection against posting twice."""
        return self.cleaned_data["client_key"] or str(uuid7())


class RenameForm(forms.Form):
    title = forms.CharField(max_length=200, error_messages={"required": "A conversation needs a title."})
