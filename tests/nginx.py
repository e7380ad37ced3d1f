"""The real nginx on loopback, from the file in deploy/: only names, addresses and paths are filled in."""

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.servers import ROOT, SESSION, free_port, wait_for

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MAKE_CERTIFICATE = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
)
# What Debian's own nginx.conf has around the files of sites.
AROUND = """
{user}daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass
class Nginx:
    """nginx in front of processes of the site that listen on `processes`; `static` is their CHAT_STATIC_DIR."""

    folder: Path
    processes: tuple[int, int]
    static: Path
    port: int = field(default_factory=free_port)
    plain_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def site_conf(self) -> str:
        text = (ROOT / "deploy/nginx.conf").read_text()
        text = re.sub(r"^ *listen \[::\]:.*\n", "", text, flags=re.MULTILINE)
        for written, here in {
            "/etc/letsencrypt/live/chat.example.org/": f"{self.folder}/",
            "https://chat.example.org": self.url,
            "chat.example.org": "localhost",
            "listen 80 ": f"listen 127.0.0.1:{self.plain_port} ",
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
            "127.0.0.1:8001": f"127.0.0.1:{self.processes[0]}",
            "127.0.0.1:8002": f"127.0.0.1:{self.processes[1]}",
            "/var/log/nginx/chatsite.log": f"{self.folder}/access.log",
            "/srv/chatsite/static/": f"{self.static}/",
            "/opt/chatsite/deploy/away.html": f"{ROOT}/deploy/away.html",
        }.items():
            assert written in text, written
            text = text.replace(written, here)
        return text

    @contextmanager
    def running(self) -> Iterator["Nginx"]:
        assert NGINX
        key, certificate = self.folder / "privkey.pem", self.folder / "fullchain.pem"
        make = [*MAKE_CERTIFICATE.split(), "-keyout", key, "-out", certificate]
        subprocess.run(make, check=True, capture_output=True)
        (self.folder / "site.conf").write_text(self.site_conf())
        # Its workers would become `nobody` and not see the folders of a test.
        user = "user root; " if os.getuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(AROUND.format(folder=self.folder, user=user))
        command = [NGINX, "-p", self.folder, "-c", self.folder / "nginx.conf"]
        with (self.folder / "output.log").open("wb") as output, subprocess.Popen(command, stderr=output) as process:
            try:
                wait_for((self.folder / "pid").exists, otherwise=lambda: (self.folder / "output.log").read_text())
                yield self
            finally:
                process.terminate()

    def client(self, session: str = "", address: str = "127.0.0.1") -> httpx2.Client:
        """A browser at `address` that speaks HTTP/2."""
        transport = httpx2.HTTPTransport(http2=True, verify=self.trusting(), local_address=address)
        client = httpx2.Client(base_url=self.url, transport=transport, timeout=30)
        client.headers.update({"X-CSRFToken": "c" * 32, "Referer": f"{self.url}/"})
        client.cookies.set("csrftoken", "c" * 32)
        if session:
            client.cookies.set("sessionid", session)
        return client

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))

    @contextmanager
    def noting(self, request: str) -> Iterator[list[tuple[int, ...]]]:
        """Filled at the end: for each request that began so meanwhile, the ports of the processes it went to."""
        went: list[tuple[int, ...]] = []
        before = len(self._asked(request))
        yield went
        went += wait_for(lambda: self._asked(request)[before:])

    def _asked(self, request: str) -> list[tuple[int, ...]]:
        lines = (self.folder / "access.log").read_text().splitlines()
        return [
            tuple(int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", line.partition('" ')[2]))
            for line in lines
            if f'"{request} ' in line
        ]


def another_session(number: int) -> str:
    """The key of a session of alice's, besides the one all tests have."""
    return SESSION("alice").replace("session0", f"again{number:0>3}")
