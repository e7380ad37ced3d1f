import asyncio

from providers.contract import ChatRequest, Finished, FinishReason, Started, Text, Turn, Usage
from providers.demo import Demo
from providers.errors import Overloaded
from tests.providers.collected import Collected, collect

FAST = Demo(tokens_per_s=1e9, slow_start_s=0.0)
QUESTIONS = [f"Question number {number}" for number in range(40)]


def asking(question: str, *after: Turn, max_output_tokens: int | None = None) -> ChatRequest:
    return ChatRequest("demo", (Turn("user", (Text(question),)), *after), max_output_tokens=max_output_tokens)


async def ask(question: str, *after: Turn, max_output_tokens: int | None = None) -> Collected:
    return await collect(FAST.stream(asking(question, *after, max_output_tokens=max_output_tokens)))


async def test_it_says_what_it_is_and_what_to_do() -> None:
    answer = await ask("Why is the sky blue?")

    assert answer.is_in_order
    assert "demo model" in answer.text
    assert "I know nothing" in answer.text
    assert "Why is the sky blue?" in answer.text
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        assert key in answer.text


async def test_the_same_question_has_the_same_answer() -> None:
    assert (await ask("Hello")).events == (await ask("Hello")).events


async def test_its_answers_show_what_a_page_can_do() -> None:
    answers = [await ask(question) for question in QUESTIONS]
    everything = "\n".join(answer.text for answer in answers)

    for markdown in ("```python", "| what |", "   - Write", "     - Build", "$$", "> Mathematics", "1. **", "`code`"):
        assert markdown in everything
    assert {bool(answer.reasoning) for answer in answers} == {True, False}
    assert len({answer.text.partition("##")[2] for answer in answers}) == 4


async def test_its_usage_is_an_honest_guess() -> None:
    answer = await ask(QUESTIONS[0])
    characters = len(answer.text) + len(answer.reasoning)

    assert answer.usage is not None
    assert answer.usage.output == -(-characters // 4)
    assert answer.usage.reasoning == -(-len(answer.reasoning) // 4)
    assert answer.of(Started) == [Started("demo", Usage(fresh_input=answer.usage.fresh_input))]
    assert answer.usage.fresh_input == -(-len(QUESTIONS[0]) // 4)


async def test_it_goes_on_from_where_it_broke_off() -> None:
    whole = await ask("Hello")
    partial = whole.text[:100]
    rest = await ask("Hello", Turn("assistant", (Text(partial),)))

    assert partial + rest.text == whole.text
    assert rest.reasoning == ""


async def test_it_cannot_go_on_from_the_words_of_others() -> None:
    rest = await ask("Hello", Turn("assistant", (Text("Quantum chromodynamics is"),)))

    assert "another model" in rest.text


async def test_a_later_question_is_the_one_that_counts() -> None:
    later = (Turn("assistant", (Text("Well."),)), Turn("user", (Text("And now?"),)))

    assert (await ask("Hello", *later)).text == (await ask("And now?")).text


async def test_it_writes_long_when_asked_to() -> None:
    answer = await ask("Tell me a LONG story")

    assert len(answer.text) > 20_000
    assert answer.finished == Finished(FinishReason.STOP, "stop")


async def test_it_fails_in_the_middle_when_asked_to() -> None:
    whole, failed = await ask("Please succeed"), await ask("Please fail")

    assert type(failed.error) is Overloaded
    assert failed.error.usage is not None
    assert failed.error.usage.output > 0
    assert failed.finished is None
    assert 0 < len(failed.text) < len(whole.text)


async def test_it_stops_at_the_length_limit() -> None:
    answer = await ask("Hello", max_output_tokens=20)

    assert len(answer.text) + len(answer.reasoning) == 80
    assert answer.finished == Finished(FinishReason.LENGTH, "length")


async def test_it_starts_slowly_only_when_asked_to() -> None:
    slow = Demo(tokens_per_s=1e9, slow_start_s=60.0)
    stream = slow.stream(asking("Be slow please"))
    started = await anext(stream)
    first = asyncio.create_task(anext(stream))
    done, _ = await asyncio.wait([first], timeout=0.05)
    first.cancel()

    assert isinstance(started, Started)
    assert not done
    assert (await collect(slow.stream(asking("No slowness")))).finished


async def test_it_writes_at_a_natural_pace() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await collect(Demo(tokens_per_s=1000.0).stream(asking("Hello", max_output_tokens=20)))

    assert loop.time() - begun > 0.01


async def test_a_question_without_words_is_answered_too() -> None:
    answer = await collect(FAST.stream(ChatRequest("demo", ())))

    assert answer.finished
