"""Models to pick by hand: what each name does, as `--help` and the model lists show it."""

from tests.simulator.scripts import Fault, Script, ScriptedCall, Tokens
from tests.simulator.texts import LONG, REASONING

SHORTCUTS: dict[str, tuple[str, Script]] = {
    "sim-plain": ("a Markdown text at 50 tokens a second", Script()),
    "sim-fast": ("the same at 500 tokens a second", Script(tokens_per_s=500)),
    "sim-instant": ("the same without waiting", Script(tokens_per_s=0)),
    "sim-slow-start": ("8 seconds of silence, then the text", Script(first_token_delay_s=8)),
    "sim-silent": ("never sends a byte", Script(stall_before_first=True)),
    "sim-stall": ("falls silent after 200 characters", Script(fault=Fault("stall", after_chars=200))),
    "sim-pause": (
        "pauses for 20 seconds after 200 characters",
        Script(fault=Fault("stall", after_chars=200, for_s=20)),
    ),
    "sim-cut": ("the connection is reset after 300 characters", Script(fault=Fault("reset", after_chars=300))),
    "sim-end": ("ends after 300 characters without a terminal event", Script(fault=Fault("end", after_chars=300))),
    "sim-error": ("the company's in-stream error after 300 characters", Script(fault=Fault("error", after_chars=300))),
    "sim-broken": ("a line of broken JSON after 200 characters", Script(fault=Fault("broken_json", after_chars=200))),
    "sim-401": ("refuses the key", Script(status=401)),
    "sim-404": ("does not know the model", Script(status=404)),
    "sim-429": ("too many requests, retry after 7 seconds", Script(status=429, headers={"retry-after": "7"})),
    "sim-overloaded": ("overloaded (529)", Script(status=529)),
    "sim-500": ("a server error", Script(status=500)),
    "sim-html": (
        "status 200 with a web page for a body",
        Script(headers={"content-type": "text/html"}, body="<!doctype html><title>Portal</title><p>Please sign in."),
    ),
    "sim-long": ("about 28,000 characters at 400 tokens a second", Script(text=LONG, tokens_per_s=400)),
    "sim-length": (
        "stops in mid-sentence at the token limit",
        Script(text="This answer is too long to", finish="length"),
    ),
    "sim-refused": ("the company's refusal, by its finish reason", Script(text="", finish="refused")),
    "sim-reasoning": ("thinks first, then answers", Script(text="I have thought about it.\n", reasoning=REASONING)),
    "sim-tools": (
        "calls the tool get_weather, then answers",
        Script(
            text="The weather is asked of the tool `get_weather`.\n",
            tool_calls=(ScriptedCall("get_weather", {"city": "Lund"}),),
        ),
    ),
    "sim-cached": (
        "reports cached and written cache tokens",
        Script(usage=Tokens(100, 2000, 300, 400), tokens_per_s=500),
    ),
    "sim-echo": ("repeats the question", Script(echo="question")),
    "sim-request": ("shows the whole request it got", Script(echo="request", tokens_per_s=500)),
}


def described() -> str:
    return "\n".join(f"  {name:15} {what}" for name, (what, _) in SHORTCUTS.items())
