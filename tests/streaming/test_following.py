"""What a follower knows of a run of another process: whatever comes late, twice or never, its text is a beginning."""

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from conversations.models import Conversation, Generation
from conversations.streaming.follower import Following
from conversations.streaming.growing import GrowingPart
from conversations.streaming.hub import Hub
from conversations.streaming.publisher import Told

TEXT = "".join(f"{number} " for number in range(60))


def following() -> Following:
    return Following(Generation(message_id=uuid4(), conversation=Conversation(owner_id=1)), lambda: None)


def text_of(follower: Following) -> str:
    return "".join(part.text for part in follower.source)


@given(st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, 30))))
def test_pieces_in_any_order_never_make_a_hole_or_a_repetition(slices: list[tuple[int, int]]) -> None:
    follower = following()
    for start, length in slices:
        before = len(text_of(follower))
        fits = follower.add(0, "text", {}, start, TEXT[start : start + length])

        assert fits == (start <= before)
        assert TEXT.startswith(text_of(follower))
        assert len(text_of(follower)) >= before


def test_a_part_whose_predecessor_is_missing_waits() -> None:
    follower = following()

    assert not follower.add(1, "text", {}, 0, "Second.")
    assert follower.source == []


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1), st.data())
def test_news_lead_from_what_is_known_to_what_there_is(deltas: list[str], data: st.DataObject) -> None:
    """News that the layer did not take are told again with the next ones."""
    parts = [GrowingPart("reasoning"), GrowingPart("text")]
    told = Told(until_s=0, lengths=[])
    follower, hub = following(), Hub(1, uuid4(), uuid4(), parts)
    for number, delta in enumerate(deltas):
        parts[number >= len(deltas) / 2].append(delta)
        news = told.news_of(hub)
        if news and data.draw(st.booleans(), "taken"):
            assert all(follower.add(**piece) for piece in news["pieces"])
            told.took(news)
    if news := told.news_of(hub):
        assert all(follower.add(**piece) for piece in news["pieces"])

    assert [part.text for part in follower.source] == [part.text for part in parts]


def test_a_silent_run_is_not_told_of_at_every_tick() -> None:
    hub = Hub(1, uuid4(), uuid4(), [])

    assert Told(until_s=0, lengths=[]).news_of(hub) is None
