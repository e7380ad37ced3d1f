"""Statements that are compiled once say the same as those that are compiled each time."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.accounting.pricing import PRICES_OF_MODELS
from conversations.generating.offer import CATALOG
from conversations.models import Budget, CatalogEntry, Conversation, DraftSegment, Generation, ModelPrice
from conversations.models.budget import BUDGETS_OF_USER, RESERVATIONS_OF_RUN, Reservation
from conversations.models.conversation import RUNS_OF_OWNER
from conversations.models.generation import END_OF_MINE, SEGMENTS_OF_RUN
from conversations.models.prepared import ROWS_AT_ONCE, Prepared, insert
from conversations.signed_in import Accounts, SessionStore
from tests.conversations.rows import answered, asked, new_conversation

pytestmark = pytest.mark.django_db
MIDDLE = 3


def test_the_runs_of_an_owner() -> None:
    for name in ("alice", "bob"):
        for number in range(5):
            run = asked(new_conversation(name), "?")
            if number % 2:
                answered(run, "!")
    runs = Generation.objects.order_by("pk")
    for owner in get_user_model().objects.all():
        for since in (UUID(int=0), runs[MIDDLE].pk, UUID(int=2**128 - 1)):
            own = runs.filter(conversation__owner=owner)
            counts = own.filter(status="active").count(), own.filter(pk__gte=since).count()
            assert RUNS_OF_OWNER.rows(owner=owner.pk, since=since) == [counts]
    assert RUNS_OF_OWNER.rows(owner=0, since=UUID(int=0)) == []


def test_the_budgets_of_a_person() -> None:
    new_conversation("alice")
    new_conversation("bob")
    people = list(get_user_model().objects.all())
    Budget.objects.create(name="all", limit_usd=1)
    Budget.objects.create(name="off", limit_usd=1, active=False)
    for person in people:
        Budget.objects.create(name=person.username, limit_usd=2, scope="user", user=person)
    for person in people:
        expected = Budget.objects.active().filter(Q(user=None) | Q(user=person)).order_by("pk")
        assert BUDGETS_OF_USER.objects(user=person.pk) == list(expected)
        assert len(expected) == 2


def test_the_prices_of_a_model_that_was_asked_and_of_the_one_that_answered() -> None:
    now = timezone.now()
    for model in ("a:one", "a:two", "a:three"):
        for days in (1, 2):
            moment = now - timedelta(days=days)
            ModelPrice.objects.create(model=model, effective_from=moment, fresh_input=Decimal(days), output=2)
    for names in (("a:one", "a:two"), ("a:three", "a:three"), ("none", "none")):
        expected = ModelPrice.objects.filter(model__in=names).order_by("-effective_from", "model")
        found = PRICES_OF_MODELS.objects(first=names[0], last=names[1])
        assert sorted(found, key=lambda price: (-price.effective_from.timestamp(), price.model)) == list(expected)


def test_the_reservations_of_a_run() -> None:
    budgets = [Budget.objects.create(name=name, limit_usd=1) for name in ("one", "two")]
    accounts = [budget.account(None, timezone.now().date())[0] for budget in budgets]
    runs = [UUID(int=number) for number in (2, 3, 2**127)]
    for run in runs[:2]:
        for account in reversed(accounts):
            assert account.reserve(run, Decimal("0.1"))
    for run in runs:
        expected = list(Reservation.objects.filter(generation_key=run).order_by("account_id"))
        assert RESERVATIONS_OF_RUN.objects(run=run) == expected
        assert len(expected) == (2 if run in runs[:2] else 0)


def test_the_catalogue() -> None:
    for model in ("a:one", "a:two"):
        CatalogEntry.objects.create(model=model)

    assert CATALOG.objects() == list(CatalogEntry.objects.all())


def test_a_session_is_loaded_until_it_expires() -> None:
    now = timezone.now()
    for key, life in (("a" * 32, timedelta(seconds=60)), ("b" * 32, timedelta(seconds=-60))):
        Session.objects.save(key, {"of": key}, now + life)

    loaded, expired, unknown = (SessionStore(letter * 32) for letter in "abc")

    assert (loaded.load(), loaded.session_key) == ({"of": "a" * 32}, "a" * 32)
    assert (expired.load(), expired.session_key) == ({}, None)
    assert (unknown.load(), unknown.session_key) == ({}, None)


def test_an_account_is_found_unless_it_has_been_switched_off() -> None:
    people = [get_user_model().objects.create(username=name) for name in ("alice", "bob")]
    get_user_model().objects.filter(username="bob").update(is_active=False)

    found = [Accounts().get_user(person.pk) for person in people]

    assert found == [people[0], None]
    assert (found[0].username, found[0].date_joined) == ("alice", people[0].date_joined)  # type: ignore[union-attr]
    assert Accounts().get_user(0) is None


def test_an_argument_that_the_query_does_not_take_is_refused() -> None:
    with pytest.raises(AssertionError):
        Prepared(lambda user: CatalogEntry.objects.all(), user=7).objects(user=1)


def test_inserted_rows_are_those_that_django_would_have_made() -> None:
    """What the database fills in is there, too, as soon as somebody asks for it."""
    conversation = new_conversation("alice")
    made = [Conversation(owner=conversation.owner, title=title, settings={"a": 1}) for title in ("one", "two")]

    with transaction.atomic():
        insert(made)
        insert([])

    for row in made:
        stored = Conversation.objects.get(pk=row.pk)
        for field in Conversation._meta.concrete_fields:
            assert getattr(row, field.attname) == getattr(stored, field.attname), field
        assert stored.created_at >= conversation.created_at
    made[0].title = "changed"
    made[0].save()
    assert Conversation.objects.get(pk=made[0].pk).title == "changed"


def test_many_rows_are_one_statement() -> None:
    """What PostgreSQL makes of several at once keeps its locks while the process stands still."""
    run = asked()
    rows = [DraftSegment(generation=run, part=0, start=start, text=f"{start}%s") for start in range(2 * ROWS_AT_ONCE)]

    with CaptureQueriesContext(connection) as captured, transaction.atomic():
        insert(rows[:ROWS_AT_ONCE])
        insert(rows[ROWS_AT_ONCE:])
    statements = [query["sql"] for query in captured if "INSERT" in query["sql"]]
    run.segments.all().delete()
    with transaction.atomic():
        insert(rows)

    assert len(statements) == 2
    assert not any("times" in sql[:20] for sql in statements)
    assert [segment.text for segment in run.segments.order_by("start")] == [row.text for row in rows]


def test_rows_that_are_refused_are_refused_as_by_django() -> None:
    taken = new_conversation("alice")
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([Conversation(pk=taken.pk, owner=taken.owner)])


def test_an_update_sets_what_it_was_given_and_an_unknown_row_is_not_found() -> None:
    ended, other = asked(), asked()
    new = {"status": "failed", "error_kind": "own", "finish_reason": "", "events": [{"kind": "é", "n": 1}]}

    assert [END_OF_MINE.run(new, run=run) for run in (ended.pk, ended.pk, UUID(int=2))] == [1, 0, 0]

    stored = Generation.objects.get(pk=ended.pk)
    assert {name: getattr(stored, name) for name in new} == new
    assert stored.ended_at and stored.ended_at >= stored.created_at
    untouched = Generation.objects.get(pk=other.pk)
    assert (untouched.status, untouched.events, untouched.ended_at) == ("active", [], None)


def test_a_deletion_takes_the_rows_of_its_run_only() -> None:
    runs = [asked(), asked()]
    DraftSegment.objects.bulk_create([DraftSegment(generation=run, part=0, start=0) for run in runs])

    SEGMENTS_OF_RUN.run(run=runs[0].pk)

    assert [segment.generation for segment in DraftSegment.objects.all()] == [runs[1]]
