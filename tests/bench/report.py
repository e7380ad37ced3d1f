"""The figures as Markdown tables: all of them, how many times the relay's they are, and each server at rest."""

from collections.abc import Callable, Iterator, Sequence

from tests.bench.figures import Run, Spread
from tests.bench.server import Reading, Server

COLUMNS = (
    "run",
    "streams",
    "model thinks",
    "refused or failed",
    "CPU ms / 1,000 tokens",
    "while streaming",
    "first token +ms p50 / p99",
    "token +ms p50 / p99",
    "while streaming",
    "bytes / token",
    "kB / stream",
    "threads",
)
RATIOS: dict[str, Callable[[Run], float | None]] = {
    "CPU": lambda run: run.cpu_ms,
    "CPU streaming": lambda run: run.steady_cpu_ms,
    "first token p50": lambda run: run.first_token_ms and run.first_token_ms.p50,
    "first token p99": lambda run: run.first_token_ms and run.first_token_ms.p99,
    "token p50": lambda run: run.delay_ms and run.delay_ms.p50,
    "token p99": lambda run: run.delay_ms and run.delay_ms.p99,
    "streaming p99": lambda run: run.steady_delay_ms and run.steady_delay_ms.p99,
    "bytes": lambda run: run.bytes_per_token,
}
AT_REST = ("server", "starts in s", "idle MB", "threads")


def figures(runs: Sequence[Run]) -> str:
    return table([COLUMNS, *map(row_of, runs)])


def row_of(run: Run) -> tuple[str, ...]:
    return (
        run.name,
        str(run.streams),
        f"{run.thinks_s * 1000:.0f} ms",
        str(len(run.failures)),
        number(run.cpu_ms),
        number(run.steady_cpu_ms),
        both(run.first_token_ms),
        both(run.delay_ms),
        both(run.steady_delay_ms),
        number(run.bytes_per_token),
        number(run.kb_per_stream),
        str(run.readings[-2].threads) if run.readings else "",
    )


def ratios(runs: Sequence[Run]) -> str:
    """Each figure of the site as a multiple of the relay's with as many streams."""
    relays = {run.streams: run for run in runs if run.name == "relay"}
    ours = [run for run in runs if run.readings and run.name != "relay" and run.streams in relays]
    rows = [ratios_of(run, relays[run.streams]) for run in ours]
    return table([("x relay", "streams", "model thinks", *RATIOS), *rows]) if rows else ""


def ratios_of(run: Run, relay: Run) -> tuple[str, ...]:
    found = ((figure(run), figure(relay)) for figure in RATIOS.values())
    cells = (f"{ours / theirs:.1f}" if ours is not None and theirs else "" for ours, theirs in found)
    return run.name, str(run.streams), f"{run.thinks_s * 1000:.0f} ms", *cells


def at_rest(servers: Sequence[tuple[Server, Reading]]) -> str:
    """Before the first stream, warmed up."""
    rows = [
        (server.name, f"{server.started_in_s:.1f}", number(reading.memory_mb), str(reading.threads))
        for server, reading in servers
    ]
    return table([AT_REST, *rows])


def first_token_steps(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        if run.steps_ms:
            steps = ", ".join(f"{step} {both(value)}" for step, value in run.steps_ms.items())
            yield f"{run.name}, {run.streams}, {run.thinks_s * 1000:.0f} ms: {steps}"


def table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = tuple("-" * (width - 1) + ":" for width in widths)
    head, *body = rows
    return "\n".join(
        f"| {' | '.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in (head, rule, *body)
    )


def both(value: Spread | None) -> str:
    return f"{value.p50:.1f} / {value.p99:.1f}" if value else ""


def number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:.{digits}f}"
