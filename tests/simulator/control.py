"""The control calls below `/simulator`: scripts in, records out, held answers released.

GET    /simulator/requests   [Seen, ...], oldest first; ?model=, ?purpose= and ?api= choose among them
DELETE /simulator/requests   forgets them, or the chosen ones
POST   /simulator/scripts    Assignment, for example {"model": "gpt-x", "script": {"text": "hi"}} or
                             {"model": "gpt-x", "queue": [{"status": 529}, {"status": 529}], "script": {}}
DELETE /simulator/scripts    forgets all assignments
POST   /simulator/release    {"id": 3} or {"model": "gpt-x"} or {}: lets held answers pass one hold each
"""

from typing import TYPE_CHECKING

import msgspec

from tests.simulator.http_messages import HttpRequest
from tests.simulator.scripts import Assignment, Strict

if TYPE_CHECKING:
    from tests.simulator.server import Simulator

FILTERS = ("model", "purpose", "api")


class Release(Strict, frozen=True):
    id: int | None = None
    model: str | None = None


def answer_control(simulator: "Simulator", http: HttpRequest) -> tuple[int, bytes]:
    """Status and JSON body."""
    try:
        match http.method, http.path:
            case "GET", "/simulator/requests":
                return 200, msgspec.json.encode([record.seen() for record in simulator.records if _fits(record, http)])
            case "DELETE", "/simulator/requests":
                simulator.records[:] = [record for record in simulator.records if not _fits(record, http)]
            case "POST", "/simulator/scripts":
                simulator.scripts.assign(msgspec.json.decode(http.body, type=Assignment))
            case "DELETE", "/simulator/scripts":
                simulator.scripts.clear()
            case "POST", "/simulator/release":
                return 200, msgspec.json.encode(
                    release(simulator, msgspec.json.decode(http.body or b"{}", type=Release))
                )
            case _:
                return 404, msgspec.json.encode({"error": f"no control call {http.method} {http.path}"})
    except msgspec.MsgspecError as error:
        return 400, msgspec.json.encode({"error": str(error)})
    return 200, b"{}"


def release(simulator: "Simulator", which: Release) -> dict[str, int]:
    chosen = [
        playing
        for playing in simulator.playing
        if which.id in (None, playing.record.id) and which.model in (None, playing.record.model)
    ]
    for playing in chosen:
        playing.release()
    return {"released": len(chosen)}


def _fits(record: object, http: HttpRequest) -> bool:
    return all(getattr(record, name) == http.query[name] for name in FILTERS if name in http.query)
