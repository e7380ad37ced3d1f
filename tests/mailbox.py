"""A real loopback SMTP server that keeps what it is given, or refuses it as a test asks."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Mailbox:
    """`mails` came in this order. While `refusing` is set, no receiver is accepted, for the moment."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)
    refusing: bool = False

    @property
    def url(self) -> str:
        """As CHAT_EMAIL_URL."""
        return f"smtp://127.0.0.1:{self.port}"


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()

    class Session(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            self.say("220 ready")
            for line in self.rfile:
                verb = line.strip().upper().decode()
                if verb.startswith("RCPT") and box.refusing:
                    self.say("451 later")
                elif verb == "DATA":
                    self.say("354 go on")
                    box.mails.append(message_from_bytes(self.read_mail(), policy=policy.default))  # type: ignore[arg-type]
                    self.say("250 taken")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    if verb.startswith("RCPT"):
                        box.receivers.append(line.decode().strip().partition("<")[2].rstrip(">"))
                    self.say("250 ok")

        def read_mail(self) -> bytes:
            lines = []
            for line in self.rfile:
                if line == b".\r\n":
                    break
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return b"".join(lines)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Session) as server:
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
