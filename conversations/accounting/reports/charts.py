"""Charts as shapes: amounts in, geometry out, for a template that draws them as SVG.

No chart library: those we know (pygal, matplotlib) write inline styles and scripts, which this site's
Content-Security-Policy refuses, and draw text into a fixed picture that shrinks on a phone. Here widths are percent of
whatever room there is and heights are pixels, so that text keeps its size; colours are CSS classes, so that one drawing
is right in light and dark; every bar is a link.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from math import ceil, sqrt

HEIGHT_PX = 220
TOP_PX = 26
FEET_PX = 30
THINNEST_PX = 1.5
WIDEST_PERCENT = 5.0
BAR_OF_SLOT = 0.72
MOST_TICKS = 5
MOST_LABELS = 12
STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour stands for. `colour` is the end of a CSS class: `0` to `7`, or `other`."""

    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class Column:
    """One bucket of time: its `amounts` and their `links`, one for each series, from the bottom up.

    `total` is all of them that is known. What is unknown is None, which no bar can show; `unpriced` is how many of its
    calls have no known cost. `label` stands below the axis, `name` is the same in full.
    """

    label: str
    name: str
    link: str
    amounts: Sequence[Decimal | None]
    links: Sequence[str]
    total: Decimal | None
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Tick:
    """A label of an axis: `at` is pixels from the top on the upright one, percent from the left on the other.

    Where there is little room, those that are `spare` can be left out.
    """

    at: float
    label: str
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """One colour of a bar; `y` and `height` in pixels, from the top."""

    y: float
    height: float
    colour: str
    name: str
    amount: Decimal
    link: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bucket's bar; `left` and `width` in percent. Its slot is the whole room it has, for the pointer to meet."""

    left: float
    width: float
    slot_left: float
    slot_width: float
    middle: float
    name: str
    link: str
    total: Decimal | None
    segments: Sequence[Segment]
    unpriced: int

    @property
    def dearest(self) -> list[Segment]:
        """What a reader is told in a line: the three segments that cost most."""
        return sorted(self.segments, key=lambda segment: -segment.amount)[:3]


@dataclass(frozen=True, slots=True)
class Chart:
    """All that a template needs to draw it; `baseline` is where zero is, in pixels from the top.

    Amounts are US dollars where `unit` is "usd", else they are counted: "calls", "tokens".
    """

    unit: str
    height: int
    baseline: int
    amounts: Sequence[Tick]
    times: Sequence[Tick]
    bars: Sequence[Bar]
    series: Sequence[Series]

    @property
    def top(self) -> int:
        """Where the room of the bars begins, in pixels from the top; above it is the line that tells of one bar."""
        return TOP_PX - 6

    @property
    def room(self) -> int:
        return self.baseline - self.top

    @property
    def unknown_at(self) -> int:
        """Where a bucket with calls of unknown cost is marked, in pixels from the top: below its bar."""
        return self.baseline + 7

    @property
    def total(self) -> Decimal:
        return sum((bar.total for bar in self.bars if bar.total is not None), Decimal(0))

    @property
    def unpriced(self) -> int:
        return sum(bar.unpriced for bar in self.bars)


def stacked(columns: Sequence[Column], series: Sequence[Series], unit: str = "usd") -> Chart:
    """Stacked bars, one for each column. The drawing is as high as the dearest column needs, on round numbers."""
    dearest = max((drawn(column) for column in columns), default=Decimal(0))
    steps = round_steps(dearest, whole=unit != "usd")
    top = steps[-1]
    baseline = HEIGHT_PX - FEET_PX
    scale = (baseline - TOP_PX) / float(top)
    slot = 100 / max(len(columns), 1)
    label = axis_dollars if unit == "usd" else axis_count
    return Chart(
        unit=unit,
        height=HEIGHT_PX,
        baseline=baseline,
        amounts=[Tick(pixels(baseline - float(step) * scale), label(step, steps[1])) for step in steps],
        times=time_ticks(columns, slot),
        bars=[bar_of(column, number * slot, slot, series, scale, baseline) for number, column in enumerate(columns)],
        series=series,
    )


def drawn(column: Column) -> Decimal:
    """How high a column stands: corrections may make an amount negative, which no bar can show."""
    return sum((max(amount, Decimal(0)) for amount in column.amounts if amount is not None), Decimal(0))


def bar_of(column: Column, slot_left: float, slot: float, series: Sequence[Series], scale: float, baseline: int) -> Bar:
    width = min(slot * BAR_OF_SLOT, WIDEST_PERCENT)
    segments: list[Segment] = []
    foot = float(baseline)
    for each, amount, link in zip(series, column.amounts, column.links, strict=True):
        if amount is not None and amount > 0:
            height = max(float(amount) * scale, THINNEST_PX)
            foot -= height
            segments.append(Segment(pixels(foot), pixels(height), each.colour, each.name, amount, link))
    return Bar(
        left=percent(slot_left + (slot - width) / 2),
        width=percent(width),
        slot_left=percent(slot_left),
        slot_width=percent(slot),
        middle=percent(slot_left + slot / 2),
        name=column.name,
        link=column.link,
        total=column.total,
        segments=segments,
        unpriced=column.unpriced,
    )


def time_ticks(columns: Sequence[Column], slot: float) -> list[Tick]:
    """Twelve labels at most, evenly spaced; every second one is spare."""
    step = max(1, -(-len(columns) // MOST_LABELS))
    few = len(columns) <= MOST_LABELS // 2
    return [
        Tick(percent((number + 0.5) * slot), columns[number].label, spare=not few and (number // step) % 2 == 1)
        for number in range(0, len(columns), step)
    ]


def round_steps(most: Decimal, *, whole: bool = False) -> list[Decimal]:
    """Zero and one to five round numbers above it, evenly spaced, the last not below `most`; `whole`: no fractions."""
    if most <= 0:
        return [Decimal(0), Decimal(1)]
    power = Decimal(10) ** (most / MOST_TICKS).adjusted()
    step = next(power * step for step in STEPS if power * step * MOST_TICKS >= most)
    if whole:
        step = step.to_integral_value(ROUND_CEILING)
    return [step * number for number in range(max(ceil(most / step), 1) + 1)]


def axis_dollars(amount: Decimal, step: Decimal) -> str:
    """An amount of an axis, with as many decimals as its steps need: $0.0025, $1.50, $12,000."""
    if not amount:
        return "$0"
    decimals = max(0, -int(step.normalize().as_tuple().exponent))
    return f"${amount:,.{2 if decimals == 1 else decimals}f}"


def axis_count(amount: Decimal, step: Decimal) -> str:
    """A count of an axis in few signs: 500, 7.5k, 20M."""
    for size, sign in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if step * 2 >= size:
            return f"{(amount / size).normalize():f}{sign}" if amount else "0"
    return f"{amount.normalize():f}"


def pixels(value: float) -> float:
    return round(value, 2)


def percent(value: float) -> float:
    return round(value, 4)


# --- a bar within a line of text or a cell -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a whole on one line; `left` and `width` in percent."""

    left: float
    width: float
    colour: str
    name: str
    amount: Decimal | int


def split(parts: Sequence[tuple[str, str, Decimal | int]]) -> list[Piece]:
    """A whole cut into its `parts` (name, colour, amount), side by side; parts without an amount are left out."""
    whole = sum(max(float(amount), 0.0) for _, _, amount in parts)
    pieces: list[Piece] = []
    left = 0.0
    for name, colour, amount in parts:
        if amount > 0:
            width = float(amount) / whole * 100
            pieces.append(Piece(percent(left), percent(width), colour, name, amount))
            left += width
    return pieces


def share_percent(part: Decimal | None, whole: Decimal | None) -> float | None:
    """How much of the whole a part is, in percent; None where either is unknown or there is nothing to share."""
    if part is None or not whole or whole < 0:
        return None
    return percent(min(max(float(part / whole) * 100, 0.0), 100.0))


HEATS = 9


def heat(amount: Decimal | None, most: Decimal | None) -> int | None:
    """The shade of a cell, 0 (nothing) to 9 (the most there is); None when unknown.

    By the square root, so that cells below a tenth of the dearest one are not all alike.
    """
    if amount is None:
        return None
    if amount <= 0 or not most or most <= 0:
        return 0
    return max(1, min(HEATS, round(sqrt(amount / most) * HEATS)))
