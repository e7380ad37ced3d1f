"""Code is coloured within a budget; what does not fit stays plain, and always says the same."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from html import unescape

import psutil
import pytest
from django.utils.safestring import SafeString

from conversations.rendering import colouring, highlighting, palette
from conversations.rendering.highlighting import LONGEST_HERE, Outcomes, PatientHighlighter, highlight_here
from conversations.rendering.worker_process import ROOT, OutOfTime, WorkerProcess
from tests.rendering.oracle import findings

LONG_PYTHON = "def double(x):\n    return 2 * x  # twice\n" * 200
SLOW_JAVA = "public static word and " * 2500
HOSTILE = [
    "a\n",
    "x y\n",
    "a b ",
    "\n",
    "<",
    "<?",
    "<!--",
    "/*",
    '"',
    "'",
    "(",
    "{{",
    "<<E\n",
    "${",
    "0",
    "\\",
    "a.b.",
    "é",
]


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    worker = WorkerProcess()
    yield worker
    worker.stop()


def text_of(html: str) -> str:
    return unescape(re.sub("<[^>]*>", "", html))


def test_short_code_is_coloured() -> None:
    assert highlight_here("py", "return 'a'") == '<span class="k">return</span> <span class="s">\'a\'</span>'


def test_code_of_no_known_language_is_plain() -> None:
    assert highlight_here("", "a < b") == highlight_here("klingon", "a < b") == "a &lt; b"


@pytest.mark.parametrize("language", colouring.LANGUAGES.split())
def test_every_language_keeps_every_character(language: str) -> None:
    code = "\ufeff<b> if (x) { return \"é\"; } // 'y' # z\t\n\n\n  --- end\n<!-- `a` -->  \n"

    html = colouring.coloured(language, code)

    assert html is not None
    assert text_of(html) == code
    assert findings(f"<pre>{html}</pre>") == []


@pytest.mark.parametrize("language", colouring.LANGUAGES.split())
def test_hostile_code_that_is_coloured_here_ends_soon(language: str) -> None:
    for fragment in HOSTILE:
        code = (fragment * LONGEST_HERE)[:LONGEST_HERE]
        began = time.thread_time()
        assert text_of(highlight_here(language, code)) == code
        assert time.thread_time() - began < 1.0


def test_long_code_is_left_to_the_worker() -> None:
    assert "<span" not in highlight_here("python", LONG_PYTHON)

    html = PatientHighlighter().highlight("python", LONG_PYTHON)

    assert '<span class="k">def</span>' in html
    assert text_of(html) == LONG_PYTHON


def test_very_long_code_is_never_coloured() -> None:
    assert "<span" not in PatientHighlighter().highlight("python", LONG_PYTHON * 10)


def test_a_block_that_takes_too_long_is_plain_and_remembered() -> None:
    html = PatientHighlighter().highlight("java", SLOW_JAVA)

    assert html == SLOW_JAVA
    assert highlighting.outcomes.get(highlighting._key("java", SLOW_JAVA)) == html


def test_a_render_gives_up_after_some_slow_blocks() -> None:
    highlighter = PatientHighlighter()
    for number in range(highlighting.MOST_FAILURES):
        highlighter.highlight("java", f"{SLOW_JAVA}{number}")

    assert "<span" not in highlighter.highlight("python", LONG_PYTHON + "# new\n")
    assert "<span" in PatientHighlighter().highlight("python", LONG_PYTHON + "# new\n")


def test_the_worker_is_replaced_after_a_block_that_took_too_long(worker: WorkerProcess) -> None:
    with pytest.raises(OutOfTime):
        worker.coloured("java", SLOW_JAVA)

    assert "<span" in str(worker.coloured("python", "return 1"))


def test_a_killed_worker_is_replaced(worker: WorkerProcess) -> None:
    before = set(psutil.Process().children())
    worker.coloured("python", "return 1")
    [child] = set(psutil.Process().children()) - before
    child.kill()
    child.wait()

    with pytest.raises(highlighting.WorkerUnavailable):
        worker.coloured("python", "return 1")
    assert "<span" in str(worker.coloured("python", "return 1"))


def test_many_threads_share_one_worker(worker: WorkerProcess) -> None:
    answers: dict[int, str | None] = {}

    def ask(number: int) -> None:
        answers[number] = worker.coloured("python", f"return {number}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(f'<span class="m">{number}</span>' in str(html) for number, html in answers.items())
    assert len(answers) == 20


def test_the_worker_ends_when_its_parent_is_killed() -> None:
    program = (
        "import os, psutil; from conversations.rendering.worker_process import WorkerProcess\n"
        "WorkerProcess().coloured('python', 'return 1')\n"
        "print(psutil.Process().children()[0].pid, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    parent = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    child = int(parent.stdout)

    psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=10)

    assert not psutil.pid_exists(child)


def test_a_forked_process_has_a_worker_of_its_own(worker: WorkerProcess) -> None:
    worker.coloured("python", "return 1")
    mine = worker._child

    worker._forget()
    assert "<span" in str(worker.coloured("python", "return 2"))

    assert mine is not None and worker._child is not mine
    mine.end()


def test_the_worker_imports_neither_django_nor_the_parser() -> None:
    program = "import sys, conversations.rendering.highlight_worker; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=True
    ).stdout.decode()

    assert "pygments" in modules
    assert "django" not in modules and "markdown_it" not in modules


def test_the_least_recently_used_outcomes_are_forgotten() -> None:
    outcomes = Outcomes(capacity=10)
    for key in (b"a", b"b", b"a", b"c"):
        outcomes.get(key) or outcomes.put(key, SafeString("1234"))

    assert [outcomes.get(key) for key in (b"a", b"b", b"c")] == ["1234", None, "1234"]


def test_the_style_sheet_is_what_the_palette_writes() -> None:
    assert (ROOT / "static" / "code.css").read_text() == palette.stylesheet()


def test_the_colours_of_code_can_be_read() -> None:
    for name, background in (palette.LIGHT, palette.DARK):
        for colour in re.findall("#[0-9a-f]{6}", palette._properties(name, background)):
            assert palette.contrast(colour, background) >= 4.5


def test_there_is_a_colour_for_every_class() -> None:
    css = palette.stylesheet()

    assert all(f".{name} {{" in css for name in colouring.CLASSES.values())
    assert os.linesep in css
