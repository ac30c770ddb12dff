"""A proxy before an HTTP server that does as told: refuses, stalls, or hangs up in the middle of a body."""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Faults:
    """What is wrong, and what was asked. Rules apply in order; one that was used up is over."""

    def __init__(self):
        self.asked = []
        self.moments = []
        """When it was asked."""
        self.applied = []
        self.over = threading.Event()
        self._rules = []
        self._lock = threading.Lock()

    def clear(self):
        """Let nothing be wrong any more, and forget what was asked; whoever stalls, hangs up."""
        with self._lock:
            self._rules.clear()
            self.asked.clear()
            self.moments.clear()
            self.applied.clear()
        self.over.set()
        self.over = threading.Event()

    def add(self, fault, method="", path="", times=1, after=0):
        """Apply ``fault`` to the next ``times`` requests of a method whose path contains ``path``."""
        self._rules.append({"fault": fault, "method": method, "path": path, "times": times, "after": after})  # fmt: skip

    def pick(self, method, path):
        """Return the fault of a request, or None."""
        with self._lock:
            self.asked.append((method, path))
            self.moments.append(time.monotonic())
            for rule in self._rules:
                fits = rule["method"] in ("", method) and rule["path"] in path
                if not fits or not rule["times"]:
                    continue
                if rule["after"]:
                    rule["after"] -= 1
                    continue
                rule["times"] -= 1
                self.applied.append((method, path))
                return rule["fault"]
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _do(self):
        self._body = None
        fault = self.server.faults.pick(self.command, self.path)
        (fault or forward)(self)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _do  # noqa: N815  # the names that http.server wants

    def body(self):
        if self._body is None:
            self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return self._body

    def ask(self):
        """Return the answer of the server behind: status, headers and body."""
        body = self.body()
        connection = http.client.HTTPConnection(self.server.behind, timeout=30)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def answer(self, status, headers, body, part=None):
        """Answer; with ``part`` that many bytes of the body, and the end of the connection."""
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        # The answer to HEAD tells of the body that it does not have.
        told = {name.lower(): value for name, value in headers}.get("content-length")
        bodiless = self.command == "HEAD"
        self.send_header("Content-Length", told or "0" if bodiless else str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if bodiless else body[:part])
        self.wfile.flush()
        self.close_connection = part is not None

    def log_message(self, *_):
        """Say nothing of requests."""


def forward(handler):
    """Do what a proxy does."""
    handler.answer(*handler.ask())


def status(code, name="InternalError"):
    """Answer with an error of S3."""

    def fault(handler):
        handler.body()
        text = f"<?xml version='1.0'?><Error><Code>{name}</Code><Message>as told</Message></Error>"
        handler.answer(code, [("Content-Type", "application/xml")], text.encode())

    return fault


def hang_up(handler):
    """Read the request and close the connection without a word."""
    handler.body()
    handler.close_connection = True


def hang_up_after(handler):
    """Let the server do as it is asked, and close the connection without a word of it."""
    handler.ask()
    handler.close_connection = True


def cut_down(handler):
    """Answer with half of the body that the headers promise."""
    code, headers, body = handler.ask()
    handler.answer(code, headers, body, len(body) // 2)


def cut_up(handler):
    """Read half of the request's body and close the connection."""
    handler.rfile.read(int(handler.headers.get("Content-Length") or 0) // 2)
    handler.close_connection = True


def stall(handler):
    """Answer nothing until the test is over."""
    handler.body()
    handler.server.faults.over.wait()
    handler.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients hang up, too."""


@contextmanager
def faulty(endpoint):
    """Run a proxy before the server at a URL; give its own URL and its faults."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.behind = urlsplit(endpoint).netloc
    server.faults = Faults()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)  # fmt: skip
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.faults
    finally:
        server.faults.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
