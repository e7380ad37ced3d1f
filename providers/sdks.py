"""Importing the companies' SDKs: one at a time, because two threads that import one package can see it half made."""

import threading
from importlib import import_module

# What of each SDK is imported by the first question at the latest.
_MODULES = {
    "openai": "openai.resources.responses",
    "anthropic": "anthropic.resources.messages",
    "google": "google.genai",
}
_importing = threading.Lock()


def import_sdk(company: str) -> None:
    """Takes up to seconds the first time: for a thread."""
    with _importing:
        import_module(_MODULES[company])
