"""Amounts become shapes: proportionate, in their places, and nothing that was spent is invisible."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.accounting.reports.charts import (
    HEIGHT_PX,
    MOST_LABELS,
    MOST_TICKS,
    THINNEST_PX,
    Chart,
    Column,
    Series,
    heat,
    round_steps,
    share_percent,
    split,
    stacked,
)

ZERO = Decimal(0)
dollars = st.decimals(min_value=0, max_value=10_000_000, places=6)
columns_of_three = st.lists(st.tuples(dollars, dollars, dollars), max_size=60)
SERIES = [Series(name, str(place)) for place, name in enumerate(("one", "two", "three"))]


def chart_of(*amounts: tuple[str, ...], unpriced: int = 0) -> Chart:
    return drawn([tuple(Decimal(each) for each in column) for column in amounts], unpriced)


def drawn(amounts: list[tuple[Decimal, ...]], unpriced: int = 0) -> Chart:
    columns = [
        Column(
            label=str(number),
            name=f"day {number}",
            link=f"?day={number}",
            amounts=column,
            links=[f"?day={number}&model={model}" for model in range(len(column))],
            total=sum(column, ZERO),
            unpriced=unpriced,
        )
        for number, column in enumerate(amounts)
    ]
    return stacked(columns, SERIES[: len(amounts[0])] if amounts else SERIES)


@given(columns_of_three)
def test_segments_stand_on_each_other_from_zero_and_stay_in_the_picture(amounts: list[tuple[Decimal, ...]]) -> None:
    chart = drawn(amounts)

    for bar in chart.bars:
        foot = float(chart.baseline)
        for segment in bar.segments:
            assert segment.y + segment.height == pytest.approx(foot, abs=0.05)
            foot = segment.y
        assert 0 <= foot <= chart.baseline


@given(columns_of_three)
def test_what_cost_anything_is_seen_and_what_cost_nothing_is_not(amounts: list[tuple[Decimal, ...]]) -> None:
    chart = drawn(amounts)

    for column, bar in zip(amounts, chart.bars, strict=True):
        assert [segment.amount for segment in bar.segments] == [amount for amount in column if amount > 0]
        assert all(segment.height >= THINNEST_PX for segment in bar.segments)


@given(columns_of_three)
def test_bars_lie_side_by_side_within_the_width_that_there_is(amounts: list[tuple[Decimal, ...]]) -> None:
    right = 0.0
    for bar in drawn(amounts).bars:
        assert bar.left >= right - 0.001
        assert bar.slot_left <= bar.left + 0.001
        right = bar.left + bar.width

    assert right <= 100.001


@given(columns_of_three)
def test_the_chart_holds_the_same_money_as_its_columns(amounts: list[tuple[Decimal, ...]]) -> None:
    assert drawn(amounts).total == sum((sum(column, ZERO) for column in amounts), ZERO)


def test_twice_the_money_is_twice_the_height() -> None:
    one, two = chart_of(("30",), ("60",)).bars

    assert two.segments[0].height == pytest.approx(2 * one.segments[0].height, abs=0.05)


def test_a_bar_and_each_of_its_segments_lead_to_the_rows_behind_them() -> None:
    bar = chart_of(("1", "0", "2")).bars[0]

    assert bar.link == "?day=0"
    assert [segment.link for segment in bar.segments] == ["?day=0&model=0", "?day=0&model=2"]


def test_an_amount_below_zero_is_in_the_total_but_is_no_bar() -> None:
    bar = chart_of(("5", "-2")).bars[0]

    assert bar.total == Decimal(3)
    assert [segment.name for segment in bar.segments] == ["one"]


def test_a_bucket_whose_cost_is_unknown_differs_from_one_that_cost_nothing() -> None:
    unknown = stacked([Column("", "", "", [None], [""], None, unpriced=3)], SERIES[:1]).bars[0]
    nothing = chart_of(("0",)).bars[0]

    assert (unknown.total, unknown.unpriced, unknown.segments) == (None, 3, [])
    assert (nothing.total, nothing.unpriced, nothing.segments) == (ZERO, 0, [])


@given(st.decimals(min_value=Decimal("0.00000001"), max_value=10_000_000_000, places=8))
def test_an_axis_has_a_few_round_steps_and_reaches_the_top(most: Decimal) -> None:
    steps = round_steps(most)

    assert steps[0] == 0
    assert most <= steps[-1] <= most * 3
    assert 2 <= len(steps) <= MOST_TICKS + 1
    assert all(later - earlier == steps[1] for earlier, later in pairwise(steps))


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        ("0", ["$0", "$1"]),
        ("7", ["$0", "$2", "$4", "$6", "$8"]),
        ("11", ["$0", "$2.50", "$5.00", "$7.50", "$10.00", "$12.50"]),
        ("0.011", ["$0", "$0.0025", "$0.0050", "$0.0075", "$0.0100", "$0.0125"]),
        ("4321", ["$0", "$1,000", "$2,000", "$3,000", "$4,000", "$5,000"]),
    ],
)
def test_an_axis_is_labelled_in_dollars(most: str, labels: list[str]) -> None:
    assert [tick.label for tick in chart_of((most,)).amounts] == labels


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (1, ["0", "1"]),
        (3, ["0", "1", "2", "3"]),
        (420, ["0", "100", "200", "300", "400", "500"]),
        (9_000, ["0", "2k", "4k", "6k", "8k", "10k"]),
        (11_000_000, ["0", "2.5M", "5M", "7.5M", "10M", "12.5M"]),
    ],
)
def test_an_axis_of_counts_has_whole_numbers_in_few_signs(most: int, labels: list[str]) -> None:
    columns = [Column("", "", "", [Decimal(most)], [""], Decimal(most))]

    assert [tick.label for tick in stacked(columns, SERIES[:1], "calls").amounts] == labels


@pytest.mark.parametrize("count", [1, 7, 24, 31, 365, 744])
def test_labels_of_time_never_crowd(count: int) -> None:
    times = drawn([(ZERO,)] * count).times

    assert 1 <= len(times) <= MOST_LABELS
    assert not times[0].spare


def test_no_columns_are_an_empty_picture() -> None:
    chart = drawn([])

    assert (chart.bars, chart.times, chart.height) == ([], [], HEIGHT_PX)


@given(st.lists(st.integers(min_value=0, max_value=10**12), max_size=8))
def test_the_pieces_of_a_whole_fill_it(amounts: list[int]) -> None:
    pieces = split([("piece", "0", amount) for amount in amounts])

    assert len(pieces) == sum(amount > 0 for amount in amounts)
    if pieces:
        assert sum(piece.width for piece in pieces) == pytest.approx(100, abs=0.01)


def test_a_share_of_something_unknown_is_unknown() -> None:
    assert share_percent(Decimal(1), None) is None
    assert share_percent(None, Decimal(1)) is None
    assert share_percent(Decimal(1), ZERO) is None
    assert share_percent(Decimal(1), Decimal(4)) == 25


def test_heat_tells_nothing_from_unknown_and_little_from_much() -> None:
    most = Decimal(100)

    assert heat(None, most) is None
    assert heat(ZERO, most) == 0
    assert heat(Decimal("0.01"), most) == 1
    assert heat(Decimal(25), most) in (4, 5)
    assert heat(most, most) == 9
