"""The table of docs/estimates.md: how far off an estimate is, measured on the recorded answers.

Leave one out: the ratios are learned from all other recordings, then this one's output is estimated and compared with
what its company counted. `write()`, from `manage.py shell`, writes the table anew.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles

from conversations.accounting.estimating import DEFAULT_RATIO, Sample, families_of, ratios_from, tokens_at
from tests.providers.recordings import Recording, recordings
from tests.providers.test_usage import NORMALISERS

DOCUMENT = Path(__file__).parent.parent / "docs/estimates.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"
# What this site does not ask for: tools, and answers that are no text.
NOT_OURS = {"tool-call", "server-tool", "custom-tool", "image-generation", "blocked", "empty-output"}
SHORTEST = 20

METHODS: dict[str, Callable[[Sample], Sample] | None] = {
    "a quarter, whatever the model": None,
    "reasoning always counted": lambda sample: replace(sample, hidden=0),
    "reasoning never counted": lambda sample: replace(sample, tokens=sample.tokens - sample.hidden, hidden=0),
    "**as the ledger does**": lambda sample: sample,
}
GROUPS: dict[str, Callable[[Sample], bool]] = {
    "all": lambda sample: True,
    "without reasoning": lambda sample: not sample.hidden,
    "with reasoning": lambda sample: bool(sample.hidden),
}


def samples() -> list[Sample]:
    """The output side of every recorded answer of the kind this site asks for."""
    found = [sample_of(recorded) for api in NORMALISERS for recorded in recordings(api)]
    return [sample for sample in found if sample]


def sample_of(recorded: Recording) -> Sample | None:
    expected, api = recorded.expected, recorded.name.split("/")[0]
    if not expected["complete"] or not expected["usage_raw"] or recorded.tags & NOT_OURS:
        return None
    usage = NORMALISERS[api](expected["usage_raw"])
    characters = len(expected["text"]) + len(expected["reasoning"])
    if usage is None or characters < SHORTEST or not 0 < usage.output - usage.reasoning <= characters:
        return None
    return Sample(f"{api}:{expected['model']}", "output", characters, usage.output, usage.reasoning)


def estimate(left_out: Sample, others: list[Sample], seen: Callable[[Sample], Sample] | None) -> int:
    """Tokens of `left_out`, by what the others teach when each is looked at as `seen`."""
    learned = ratios_from(map(seen, others)) if seen else {}
    known = (learned[family, "output"].ratio for family in families_of(left_out.model) if (family, "output") in learned)
    return tokens_at(next(known, DEFAULT_RATIO), left_out.characters)


def table() -> str:
    measured = samples()
    lines = [
        f"{len(measured)} recorded answers, of {len({sample.model for sample in measured})} models.\n",
        "| estimate | answers | median error | nine of ten are within | all together |",
        "|---|---|---:|---:|---:|",
    ]
    for method, seen in METHODS.items():
        estimates = [
            (sample, estimate(sample, measured[:index] + measured[index + 1 :], seen))
            for index, sample in enumerate(measured)
        ]
        lines += [line(method, group, [pair for pair in estimates if GROUPS[group](pair[0])]) for group in GROUPS]
    return "\n".join(lines) + "\n"


def line(method: str, group: str, estimates: list[tuple[Sample, int]]) -> str:
    errors = [abs(guess - sample.tokens) / sample.tokens for sample, guess in estimates]
    whole = sum(guess for _, guess in estimates) / sum(sample.tokens for sample, _ in estimates) - 1
    nine_of_ten = quantiles(errors, n=10, method="inclusive")[-1]
    return f"| {method} | {group} ({len(estimates)}) | {median(errors):.0%} | {nine_of_ten:.0%} | {share(whole)} |"


def share(error: float) -> str:
    return f"{error:+.0%}" if abs(error) >= 0.005 else "0%"


def documented() -> str:
    return DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]


def write() -> None:
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}")
