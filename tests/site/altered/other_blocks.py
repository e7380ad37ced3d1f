"""A process whose Markdown library finishes blocks later than that of the others."""

from typing import Any

from conversations.rendering import splitting

count_final = splitting.count_final


def count_final_later(*arguments: Any) -> int:
    return max(0, count_final(*arguments) - 1)


splitting.count_final = count_final_later

from chatsite.settings import *  # noqa: E402, F403
