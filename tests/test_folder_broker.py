"""The folder of messages: a worker that reads while others write meets whole messages only, each once, in order."""

import threading
from pathlib import Path
from queue import Empty

from kombu import Connection
from kombu.simple import SimpleQueue

MESSAGES = 60
WRITERS = 3


def connected(folder: Path) -> Connection:
    options = {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control")}
    (folder / "control").mkdir(exist_ok=True)
    return Connection("filesystem://localhost", transport="chatsite.folder_broker:Transport", transport_options=options)


def write(folder: Path, writer: int) -> None:
    with connected(folder) as connection, connection.SimpleQueue("tests") as queue:
        for number in range(MESSAGES):
            queue.put({"writer": writer, "number": number, "filling": "x" * 20_000})


def read(queue: SimpleQueue) -> dict[str, int] | None:
    try:
        message = queue.get(block=False)
    except Empty:
        return None
    message.ack()
    payload: dict[str, int] = message.payload
    return payload


def test_messages_are_whole_and_come_once_and_in_order(tmp_path: Path) -> None:
    writers = [threading.Thread(target=write, args=(tmp_path, number)) for number in range(WRITERS)]
    got = []
    with connected(tmp_path) as connection, connection.SimpleQueue("tests") as queue:
        for writer in writers:
            writer.start()
        while len(got) < WRITERS * MESSAGES:
            if message := read(queue):
                got.append((message["writer"], message["number"]))
            else:
                assert any(writer.is_alive() for writer in writers) or any(tmp_path.glob("*.msg"))

    assert len(set(got)) == WRITERS * MESSAGES
    for number in range(WRITERS):
        mine = [place for writer, place in got if writer == number]
        assert mine == sorted(mine)
    assert [path.name for path in tmp_path.iterdir()] == ["control"]
