"""Who colours a code block: this thread when it is short, the worker process when it is longer, nobody when it is huge.

The outcome is remembered, so that the stream, the final render and the history agree and no block is coloured twice.
"""

import hashlib
import threading
from collections import OrderedDict

from django.utils.safestring import SafeString

from conversations.rendering.colouring import coloured, known_name
from conversations.rendering.safety import escaped
from conversations.rendering.worker_process import OutOfTime, WorkerProcess, WorkerUnavailable

LONGEST_HERE = 2_048
LONGEST_SLOW_HERE = 512
LONGEST_LINE_HERE = 500
MOST_LINES_HERE = 120
LONGEST = 65_536
MOST_FAILURES = 2
CACHED_CHARACTERS = 8_000_000

SLOW_LANGUAGES = {"csharp", "html", "java", "terraform", "xml"}


class Outcomes:
    """HTML of code blocks by language and text, the least recently used ones forgotten first. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._size = 0
        self._lock = threading.Lock()
        self._html: OrderedDict[bytes, SafeString] = OrderedDict()

    def get(self, key: bytes) -> SafeString | None:
        with self._lock:
            if key in self._html:
                self._html.move_to_end(key)
            return self._html.get(key)

    def put(self, key: bytes, html: SafeString) -> SafeString:
        with self._lock:
            self._size += len(html) - len(self._html.pop(key, ""))
            self._html[key] = html
            while self._size > self._capacity:
                _, dropped = self._html.popitem(last=False)
                self._size -= len(dropped)
        return html


worker = WorkerProcess()
outcomes = Outcomes(CACHED_CHARACTERS)


def highlight_here(language: str, code: str) -> SafeString:
    """Colour short code, leave longer code plain. The same result every time.

    Below 5 ms for what people write; the worst that was found by trying is 60 ms.
    """
    if not known_name(language) or not _is_short(language, code):
        return escaped(code)
    key = _key(language, code)
    return outcomes.get(key) or outcomes.put(key, _marked(coloured(language, code), code))


class PatientHighlighter:
    """For one render of a whole text: waits for the worker process, but gives up after some failures."""

    def __init__(self) -> None:
        self._failures = 0

    def highlight(self, language: str, code: str) -> SafeString:
        if not known_name(language) or _is_short(language, code):
            return highlight_here(language, code)
        if len(code) > LONGEST or self._failures >= MOST_FAILURES:
            return escaped(code)
        key = _key(language, code)
        return outcomes.get(key) or self._ask_worker(key, language, code)

    def _ask_worker(self, key: bytes, language: str, code: str) -> SafeString:
        """Out of CPU time is a fact about the block and is remembered; a loaded machine is not."""
        try:
            return outcomes.put(key, _marked(worker.coloured(language, code), code))
        except OutOfTime:
            self._failures += 1
            return outcomes.put(key, escaped(code))
        except WorkerUnavailable:
            self._failures += 1
            return escaped(code)


def is_for_the_patient(language: str, code: str) -> bool:
    """Whether `highlight_here` leaves plain what a render of the whole text colours."""
    return bool(known_name(language)) and not _is_short(language, code)


def _is_short(language: str, code: str) -> bool:
    """Some lexers take quadratic time, most of all over many lines or one long one."""
    longest = LONGEST_SLOW_HERE if known_name(language) in SLOW_LANGUAGES else LONGEST_HERE
    if len(code) > longest:
        return False
    lines = code.split("\n")
    return len(lines) <= MOST_LINES_HERE and max(map(len, lines)) <= LONGEST_LINE_HERE


def _key(language: str, code: str) -> bytes:
    return hashlib.sha256(f"{language}\n{code}".encode()).digest()


def _marked(html: str | None, code: str) -> SafeString:
    return escaped(code) if html is None else SafeString(html)
