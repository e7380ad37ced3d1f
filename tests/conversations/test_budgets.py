"""Budgets: nothing is promised twice, what was spent is what the ledger says, and a refusal says when to come back."""

from datetime import UTC, date, datetime
from decimal import Decimal
from math import inf
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Sum

from conversations.accounting.budget_words import reset_time, used_up
from conversations.accounting.budgets import Allowance, BudgetUsedUp, Demand, hard_budgets, reserve
from conversations.accounting.ledger import Call, answer_record, record_of
from conversations.generating.sweep import sweep_earlier_boots, sweep_reservations
from conversations.generating.titles import noted
from conversations.models import (
    Budget,
    BudgetAccount,
    Generation,
    ModelPrice,
    Part,
    PendingCall,
    Reservation,
    UsageRecord,
)
from conversations.models.budget import Period, local_day, midnight
from providers.contract import ChatRequest, Usage
from providers.prices import FREE, Price
from tests.conversations.rows import MODEL, new_conversation, taken_over

pytestmark = pytest.mark.django_db
# A thousand tokens of output cost a cent, a thousand of input a tenth of one.
PRICE = Price(Decimal(1), Decimal("0.1"), Decimal(1), Decimal(10))
PRICED = "openai:gpt-5.5"


def demand(longest: int = 10_000, sent: int = 1_000, model: str = MODEL, price: Price | None = PRICE) -> Demand:
    return Demand(model, sent, longest, price)


def budget(limit: str = "1", **fields: Any) -> Budget:
    return Budget.objects.create(name=fields.pop("name", "Tests"), limit_usd=Decimal(limit), **fields)


def asked(name: str = "alice", model: str = MODEL) -> Generation:
    generation = new_conversation(name).post(text="Why?", model=model, client_key=str(uuid4()))
    assert generation
    return generation


def reserved(generation: Generation, *demands: Demand) -> dict[str, Allowance]:
    owner = generation.conversation.owner_id
    return reserve(generation.pk, owner, hard_budgets(owner), demands or [demand()])


def row(generation: Generation, cost: str | None = "0.25", **fields: Any) -> UsageRecord:
    record = answer_record(Call(generation.model, reported=Usage(fresh_input=3, output=2)), generation, "complete")
    record.cost_usd = Decimal(cost) if cost is not None else None
    for name, value in fields.items():
        setattr(record, name, value)
    return record


def ended(generation: Generation, cost: str | None = "0.25", **fields: Any) -> None:
    part = Part(message=generation.message, index=0, kind=Part.Kind.TEXT, text="Because.")
    assert generation.finish("complete", [part], [row(generation, cost, **fields)])


def account_of(some: Budget) -> BudgetAccount:
    return BudgetAccount.objects.get(budget=some)


def spent(some: Budget) -> Decimal:
    return account_of(some).spent_usd


# --- reserving --------------------------------------------------------------


def test_the_worst_case_is_held_until_the_run_ends_and_then_what_it_cost_is_spent() -> None:
    some = budget("10")
    generation = asked()

    allowances = reserved(generation)
    held = account_of(some).reserved_usd
    ended(generation, "0.0125")

    assert held == Decimal("0.101")
    assert allowances[MODEL] == Allowance(10_000)
    assert (account_of(some).spent_usd, account_of(some).reserved_usd) == (Decimal("0.0125"), 0)
    assert not Reservation.objects.exists()


def test_an_answer_may_take_half_of_what_is_left_and_says_which_budget_made_it_short() -> None:
    budget("0.1")

    allowed = reserved(asked())[MODEL]

    assert allowed.max_output_tokens == pytest.approx(4_900, abs=1)
    assert allowed.cut_by == "Tests"


def test_a_thousand_tokens_may_take_all_that_is_left() -> None:
    some = budget("0.015")

    allowed = reserved(asked())[MODEL]

    assert 1_000 <= allowed.max_output_tokens <= 1_400
    assert account_of(some).left_usd < Decimal("0.0001")


def test_what_does_not_allow_a_thousand_tokens_is_refused() -> None:
    budget("0.0105")

    with pytest.raises(BudgetUsedUp) as refused:
        reserved(asked())

    assert refused.value.needed_usd == Decimal("0.011")
    assert not Reservation.objects.exists()


def test_what_others_hold_cannot_be_promised_again() -> None:
    some = budget("0.03", scope="site")
    reserved(asked("alice"))
    reserved(asked("bob"))

    with pytest.raises(BudgetUsedUp):
        reserved(asked("carol"))

    assert account_of(some).reserved_usd <= Decimal("0.03")


def test_raising_the_limit_helps_at_once() -> None:
    some = budget("0")
    with pytest.raises(BudgetUsedUp):
        reserved(asked())

    Budget.objects.filter(pk=some.pk).update(limit_usd=5)

    assert reserved(asked("alice"))


def test_a_fallback_that_is_too_dear_is_left_out() -> None:
    budget("0.05")
    dear = demand(model="openai:dear", price=Price(Decimal(100), Decimal(1), Decimal(1), Decimal(1000)))

    assert list(reserved(asked(), demand(), dear)) == [MODEL]


def test_of_two_budgets_the_tighter_one_decides_and_both_hold_what_they_grant() -> None:
    wide, tight = budget("10", name="Wide", scope="site"), budget("0.1", name="Tight")

    allowed = reserved(asked())[MODEL]

    assert allowed.cut_by == "Tight"
    assert account_of(wide).reserved_usd == Decimal("0.101")
    assert account_of(tight).reserved_usd == pytest.approx(Decimal("0.05"), abs=Decimal("0.001"))


def test_a_free_model_answers_when_the_budget_is_used_up_and_one_of_unknown_price_does_not() -> None:
    budget("0")

    assert reserved(asked(), demand(price=FREE))
    with pytest.raises(BudgetUsedUp) as refused:
        reserved(asked(), demand(price=None))

    assert refused.value.needed_usd is None


def test_a_budget_that_stops_names_where_and_one_that_finishes_does_not() -> None:
    stopping = budget("0.1", name="Stops", crossing="stop")
    stopped = reserved(asked())[MODEL]
    Budget.objects.filter(pk=stopping.pk).update(crossing="finish")
    finished = reserved(asked("bob"))[MODEL]

    # Four characters to a token, as long as nothing else has been learned of the model.
    assert (stopped.stop_at_characters, stopped.stopped_by) == (stopped.max_output_tokens * 4, "Stops")
    assert (finished.stop_at_characters, finished.stopped_by) == (inf, "")


def test_a_title_is_paid_for_like_an_answer_or_not_asked_for() -> None:
    some = budget("10", scope="site")
    ModelPrice.objects.create(model=MODEL, fresh_input=1, output=10, effective_from="2020-01-01T00:00:00Z")
    conversation = asked().conversation
    request = ChatRequest(model="sim", turns=())

    pending = noted(Call(MODEL, purpose="title"), request, conversation)
    held = account_of(some).reserved_usd
    sweep_reservations()
    assert account_of(some).reserved_usd == held == Decimal("0.010001")
    assert pending.settle(record_of(Call(MODEL, purpose="title"), conversation, "complete"))
    assert account_of(some).reserved_usd == 0

    Budget.objects.update(limit_usd=0)
    with pytest.raises(BudgetUsedUp):
        noted(Call(MODEL, purpose="title"), request, conversation)
    assert not PendingCall.objects.exists()


# --- whose budget -----------------------------------------------------------


def test_each_budget_counts_what_its_scope_says() -> None:
    alice, bob = asked("alice", PRICED), asked("bob", MODEL)
    friends = Group.objects.create(name="Friends")
    friends.user_set.add(alice.conversation.owner)
    budgets = {
        "site": budget(name="site", scope="site"),
        "group": budget(name="group", scope="group", group=friends),
        "bob": budget(name="bob", scope="user", user=bob.conversation.owner),
        "model": budget(name="model", scope="model", model=PRICED),
    }
    each = budget(name="each", scope="each_user", hard=False)

    ended(alice, "0.25")
    ended(bob, "0.5")

    sums = {name: spent(some) for name, some in budgets.items()}
    assert sums == {"site": Decimal("0.75"), "group": Decimal("0.25"), "bob": Decimal("0.5"), "model": Decimal("0.25")}
    own = dict(each.accounts.values_list("user_key", "spent_usd"))
    assert own == {alice.conversation.owner_id: Decimal("0.25"), bob.conversation.owner_id: Decimal("0.5")}


def test_a_budget_of_somebody_else_or_of_another_model_refuses_nothing() -> None:
    stranger = new_conversation("bob").owner
    others = Group.objects.create(name="Others")
    others.user_set.add(stranger)
    budget("0", name="bob", scope="user", user=stranger)
    budget("0", name="group", scope="group", group=others)
    budget("0", name="model", scope="model", model=PRICED)
    budget("0", name="off", scope="site", active=False)
    budget("0", name="soft", scope="site", hard=False)

    assert reserved(asked("alice")) == {MODEL: Allowance(10_000)}


@pytest.mark.parametrize(
    "fields",
    [{"scope": "group"}, {"scope": "user"}, {"scope": "model"}, {"scope": "site", "model": PRICED}, {"limit_usd": -1}],
)
def test_a_budget_that_makes_no_sense_is_not_valid(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Budget(**{"name": "Odd", "limit_usd": Decimal(1), **fields}).full_clean()


# --- settling ---------------------------------------------------------------


def test_what_is_spent_is_what_the_ledger_says_after_retries_titles_and_corrections() -> None:
    some = budget("100")
    for cost in ("0.1", "0.0000000007", "1.3333333333", None, "0"):
        ended(asked(), cost)
    generation = asked()
    UsageRecord.book([row(generation, "0.2", purpose="retry"), row(generation, "0.01", purpose="title")])
    first = UsageRecord.objects.earliest("pk")
    UsageRecord.book([row(generation, "-0.05", corrects=first, created_at=first.created_at)])

    assert spent(some) == UsageRecord.objects.aggregate(usd=Sum("cost_usd"))["usd"] == Decimal("1.5933333340")


def test_a_price_that_becomes_known_later_is_counted_then_and_once() -> None:
    some = budget("100")
    ended(asked(), "0.1")
    ended(asked(), None)
    late = UsageRecord.objects.get(cost_usd=None)

    assert UsageRecord.fill_prices([(late, {"output": "1"}, Decimal("0.3"))])
    assert not UsageRecord.fill_prices([(late, {"output": "1"}, Decimal("0.3"))])

    assert spent(some) == Decimal("0.4")


def test_a_budget_made_in_the_middle_of_a_month_begins_with_what_the_ledger_says() -> None:
    ended(asked(), "0.75")
    ended(asked("bob"), "5")
    budget("1", crossing="stop")

    with pytest.raises(BudgetUsedUp):
        reserved(asked("bob"))
    assert reserved(asked())[MODEL].max_output_tokens == 10_000

    alice = get_user_model().objects.get(username="alice").pk
    assert BudgetAccount.objects.get(user_key=alice).spent_usd == Decimal("0.75")


def test_a_deleted_conversation_gives_back_what_it_held_and_what_it_cost_is_spent() -> None:
    some = budget("10")
    generation = asked()
    reserved(generation)
    Generation.objects.get(pk=generation.pk).conversation.delete()

    assert not generation.finish("complete", [], [row(generation, "0.2")])

    assert (account_of(some).spent_usd, account_of(some).reserved_usd) == (Decimal("0.2"), 0)


def test_a_crashed_run_gives_back_what_it_held() -> None:
    some = budget("10")
    generation = asked()
    reserved(generation)
    taken_over(generation)

    sweep_earlier_boots()

    assert account_of(some).reserved_usd == 0


def test_a_sweep_gives_back_what_is_held_for_runs_that_are_gone_and_leaves_the_others() -> None:
    some = budget("10")
    gone, running = asked("alice"), asked("alice")
    reserved(gone)
    reserved(running)
    Generation.objects.filter(pk=gone.pk).delete()

    assert [sweep_reservations(), sweep_reservations()] == [1, 0]
    assert account_of(some).reserved_usd == Decimal("0.101")


def test_giving_back_twice_gives_back_once() -> None:
    some = budget("10")
    generation = asked()
    reserved(generation)

    Reservation.release(generation.pk)
    Reservation.release(generation.pk)

    assert account_of(some).reserved_usd == 0


def test_counting_again_puts_right_what_had_gone_wrong() -> None:
    some = budget("10")
    reserved(asked())
    ended(asked(), "0.3")
    BudgetAccount.objects.update(spent_usd=7, reserved_usd=7)

    account_of(some).recount()

    assert (account_of(some).spent_usd, account_of(some).reserved_usd) == (Decimal("0.3"), Decimal("0.101"))


# --- periods ----------------------------------------------------------------


def test_days_and_months_are_those_of_the_site(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    last_of_october = datetime(2026, 10, 31, 22, 30, tzinfo=UTC)

    assert local_day(last_of_october) == date(2026, 10, 31)
    assert local_day(last_of_october.replace(hour=23)) == date(2026, 11, 1)
    assert midnight(date(2026, 11, 1)) == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert midnight(date(2026, 7, 1)) == datetime(2026, 6, 30, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "first", "following"),
    [
        (Period.DAY, date(2026, 12, 31), date(2027, 1, 1)),
        (Period.MONTH, date(2026, 12, 1), date(2027, 1, 1)),
        (Period.MONTH, date(2026, 1, 1), date(2026, 2, 1)),
        (Period.MONTH, date(2028, 2, 1), date(2028, 3, 1)),
    ],
)
def test_a_period_ends_where_the_next_begins(period: Period, first: date, following: date) -> None:
    assert period.next_first_day(first) == following


def test_a_call_counts_in_the_month_in_which_it_was_made(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    some = budget("100")
    for moment in (datetime(2026, 9, 30, 14, 59, tzinfo=UTC), datetime(2026, 9, 30, 15, 0, tzinfo=UTC)):
        ended(asked(), "0.25", created_at=moment)

    by_month = dict(some.accounts.values_list("first_day", "spent_usd"))
    assert by_month == {date(2026, 9, 1): Decimal("0.25"), date(2026, 10, 1): Decimal("0.25")}
    for account in some.accounts.all():
        account.recount()
        assert account.spent_usd == Decimal("0.25")


# --- words ------------------------------------------------------------------


def test_a_refusal_names_the_budget_the_amount_and_the_time(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    account = BudgetAccount(
        budget=Budget(name="Interns", scope="each_user", period="day", limit_usd=Decimal(2)),
        first_day=date(2026, 11, 22),
        spent_usd=Decimal("2.01"),
    )

    assert used_up(BudgetUsedUp(account, Decimal("0.05"))) == (
        "Your daily budget of $2.00 (“Interns”) is used up. It starts anew at midnight (23 Nov, 00:00)."
    )


def test_a_refusal_says_what_is_left_and_what_is_held() -> None:
    account = BudgetAccount(
        budget=Budget(name="All of us", scope="site", period="month", limit_usd=Decimal(2)),
        first_day=date(2026, 11, 1),
        spent_usd=Decimal("1.5"),
        reserved_usd=Decimal("0.4"),
    )

    assert used_up(BudgetUsedUp(account, Decimal("0.5"))) == (
        "This site's monthly budget of $2.00 (“All of us”) has $0.10 left, and even a short answer to this may cost "
        "more. Answers that are being written hold $0.40; what they do not use comes back. "
        "It starts anew on 1 December, 00:00."
    )
    assert reset_time(account) == "on 1 December, 00:00"
