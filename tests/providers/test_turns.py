from providers.contract import Image, Text, ToolCall, ToolResult, Turn
from providers.turns import GO_ON, sendable

ASK = Turn("user", (Text("Add"),))
CALL = ToolCall("1", "add", {})
RESULT = ToolResult("1", "add", "2")


def test_empty_parts_and_empty_turns_are_left_out() -> None:
    picture = Image(b"x", "image/png")
    turns = [Turn("user", (Text(" \n"), picture)), Turn("assistant", (Text(""),)), Turn("user", (Text("Hi"),))]

    assert sendable(turns) == [Turn("user", (picture, Text("Hi")))]


def test_neighbours_of_one_role_become_one_turn() -> None:
    turns = [ASK, Turn("user", (Text("please"),)), Turn("assistant", (Text("2"),)), ASK]

    assert sendable(turns) == [Turn("user", (Text("Add"), Text("please"))), Turn("assistant", (Text("2"),)), ASK]


def test_a_call_and_its_result_stay_together() -> None:
    turns = [ASK, Turn("assistant", (Text("Let me see"), CALL)), Turn("user", (RESULT,))]

    assert sendable(turns) == turns


def test_a_call_without_a_result_is_left_out() -> None:
    turns = [ASK, Turn("assistant", (Text("Let me see"), CALL)), ASK]

    assert sendable(turns) == [ASK, Turn("assistant", (Text("Let me see"),)), ASK]


def test_a_result_without_a_call_is_left_out() -> None:
    assert sendable([Turn("user", (RESULT, Text("Add")))]) == [ASK]


def test_a_result_that_comes_too_late_is_no_result() -> None:
    said = Turn("assistant", (Text("2"),))
    turns = [ASK, Turn("assistant", (Text("Let me see"), CALL)), ASK, said, Turn("user", (RESULT, Text("Add")))]

    assert sendable(turns) == [ASK, Turn("assistant", (Text("Let me see"),)), ASK, said, ASK]


def test_ids_that_a_server_uses_again_in_every_answer_do_not_pair_across_answers() -> None:
    round_trip = [Turn("assistant", (CALL,)), Turn("user", (RESULT,))]
    half = [Turn("assistant", (Text("once more"), CALL)), ASK]

    assert sendable([ASK, *round_trip, *half]) == [ASK, *round_trip, Turn("assistant", (Text("once more"),)), ASK]


def test_turns_that_only_stood_between_vanish_and_their_neighbours_meet() -> None:
    turns = [ASK, Turn("assistant", (CALL,)), Turn("user", (Text("Never mind"),))]

    assert sendable(turns) == [Turn("user", (Text("Add"), Text("Never mind")))]


def test_a_broken_off_answer_is_followed_by_a_request_to_go_on() -> None:
    partial = Turn("assistant", (Text("It is"),))

    assert sendable([ASK, partial]) == [ASK, partial, Turn("user", (Text(GO_ON),))]
