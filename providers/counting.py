"""Counts of tokens as servers report them, made to fit each other. The last guard before a bill."""

from providers.contract import Usage


def fitted(*, total_input: int, output: int, cache_read: int = 0, cache_write: int = 0, reasoning: int = 0) -> Usage:
    """Our count from one that has cached tokens within the input and reasoning within the output.

    The wholes hold: a part that is said to be larger than its whole is cut, and what is negative is nothing.
    """
    total_input, output = max(0, total_input), max(0, output)
    read = min(max(0, cache_read), total_input)
    write = min(max(0, cache_write), total_input - read)
    return Usage(
        fresh_input=total_input - read - write,
        cache_read=read,
        cache_write=write,
        output=output,
        reasoning=min(max(0, reasoning), output),
    )
