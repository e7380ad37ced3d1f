"""The figures as a table for people."""

from collections.abc import Iterator

from tests.bench.figures import Run, Spread

COLUMNS = (
    "run",
    "streams",
    "failed",
    "CPU ms/1,000 tok",
    "of it streaming",
    "x relay",
    "first token +ms p50/p99",
    "token +ms p50/p99",
    "B/token",
    "kB/stream",
    "threads",
)


def table(runs: list[Run]) -> str:
    rows = [COLUMNS, *(row_of(run, relayed(runs, run.streams)) for run in runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def row_of(run: Run, relay: Run | None) -> tuple[str, ...]:
    ratio = run.cpu_ms / relay.cpu_ms if run.cpu_ms and relay and relay.cpu_ms else None
    return (
        run.name,
        str(run.streams),
        str(len(run.failures)),
        number(run.cpu_ms),
        number(run.steady_cpu_ms),
        number(ratio, 1),
        both(run.first_token_ms),
        both(run.delay_ms),
        number(run.bytes_per_token),
        number(run.kb_per_stream),
        str(run.readings[-2].threads) if run.readings else "",
    )


def relayed(runs: list[Run], streams: int) -> Run | None:
    return next((run for run in runs if run.name == "relay" and run.streams == streams), None)


def first_token_steps(runs: list[Run]) -> Iterator[str]:
    for run in runs:
        if run.steps_ms:
            steps = ", ".join(f"{step} {both(value)}" for step, value in run.steps_ms.items())
            yield f"{run.name}, {run.streams}: {steps}"


def both(value: Spread | None) -> str:
    return f"{value.p50:.1f} / {value.p99:.1f}" if value else ""


def number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:.{digits}f}"
