"""`python -m tests.bench.profiled REPORT MODULE ARGUMENTS...`: runs a module with a profiler that samples its CPU time.

SIGUSR1: from now on all answers stream. SIGUSR2: from now on they start and end; also writes the report. Every 4 ms of
CPU time the stack of a thread that is not waiting counts: the main thread's, if it has work.
"""

import runpy
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

EVERY_S = 0.002
SHOWN = 40
SHOWN_FROM = 0.004
# The event loop itself is in C: who stands in what runs it may as well be waiting.
IDLE = {("threading.py", "wait"), ("thread.py", "_worker"), ("runners.py", "run"), ("asyncioreactor.py", "run")}

type Stack = tuple[CodeType, ...]

starting: Counter[Stack] = Counter()
streaming: Counter[Stack] = Counter()
counting = starting


def sample(_: int, frame: FrameType | None) -> None:
    main = threading.main_thread().ident
    others = [found for thread, found in sys._current_frames().items() if thread != main]
    busy = (stack_of(found) for found in [frame, *others] if found and not is_idle(found))
    counting[next(busy, ())] += 1


def is_idle(frame: FrameType) -> bool:
    return (Path(frame.f_code.co_filename).name, frame.f_code.co_name) in IDLE


def stack_of(frame: FrameType | None) -> Stack:
    """From the outside in, without what every callback of the event loop stands in."""
    codes = []
    while frame and frame.f_code.co_qualname != "BaseEventLoop._run_once":
        codes.append(frame.f_code)
        frame = frame.f_back
    return tuple(reversed(codes))


def answers_stream(*_: Any) -> None:
    global counting
    counting = streaming


def answers_start(*_: Any) -> None:
    global counting
    counting = starting
    signal.setitimer(signal.ITIMER_PROF, 0)
    report.write_text(f"STREAMING\n{described(streaming)}\n\nSTARTS AND ENDS\n{described(starting)}\n")
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)


# --- the report ---------------------------------------------------------------


def described(counted: Counter[Stack]) -> str:
    total = counted.total()
    own: Counter[CodeType] = Counter()
    for stack, count in counted.items():
        own.update({stack[-1]: count} if stack else {})
    lines = [f"{share(count, total)} {place(code)}" for code, count in own.most_common(SHOWN)]
    return "\n".join([f"{total} samples", *lines, "", *branches(counted, total, 0)])


def branches(counted: Counter[Stack], total: int, depth: int) -> Iterator[str]:
    """Who calls whom, the costly ones."""
    calls: dict[CodeType, Counter[Stack]] = {}
    for stack, count in counted.items():
        if len(stack) > depth:
            calls.setdefault(stack[depth], Counter())[stack] = count
    for code, stacks in sorted(calls.items(), key=lambda call: -call[1].total()):
        if stacks.total() >= total * SHOWN_FROM:
            yield f"{share(stacks.total(), total)} {'. ' * depth}{place(code)}"
            yield from branches(stacks, total, depth + 1)


def share(count: int, total: int) -> str:
    return f"{100 * count / total:5.1f} %"


def place(code: CodeType) -> str:
    file = "/".join(Path(code.co_filename).parts[-2:])
    return f"{code.co_qualname}  {file}:{code.co_firstlineno}"


if __name__ == "__main__":
    report, module = Path(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGUSR1, answers_stream)
    signal.signal(signal.SIGUSR2, answers_start)
    signal.signal(signal.SIGPROF, sample)
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
