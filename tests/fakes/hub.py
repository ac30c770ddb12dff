"""A Hugging Face Hub on loopback: model repositories with branches and commits, tokens, gates, and faults on demand."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote, urlsplit

_API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class Repository:
    """A model repository: commits with their files, and branches that name commits."""

    name: str
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    gated: bool = False

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Make ``files`` the content of a branch and return the commit."""
        digest = hashlib.sha1(usedforsecurity=False)
        for name, data in sorted(files.items()):
            digest.update(name.encode() + b"\0" + data)
        self.commits[digest.hexdigest()] = files
        self.branches[branch] = digest.hexdigest()
        return digest.hexdigest()

    def resolve(self, revision: str) -> str | None:
        """Return the commit that a revision means, or None."""
        found = self.branches.get(revision, revision)
        return found if found in self.commits else None


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    method: str
    path: str
    token: str | None
    sent: int = 0


class Hub(AbstractContextManager["Hub"]):
    """The server. ``faults`` maps a part of a path to what happens there: a status, or "drop" or "hang"."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.faults: dict[str, int | str] = {}
        self.released = threading.Event()
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Return the endpoint."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def repository(self, name: str) -> Repository:
        """Return a repository, a new one if need be."""
        return self.repositories.setdefault(name, Repository(name))

    def downloads(self) -> list[str]:
        """Return the paths of the files whose bytes were sent."""
        found = (_FILE.fullmatch(r.path) for r in self.requests if r.method == "GET" and r.sent)
        return [match[3] for match in found if match]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Refused(Exception):  # noqa: N818  # an answer, not an error of the fake
    def __init__(self, status: int, code: str | None, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.code = status, code


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's signature
        """Say nothing."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        fault = next((what for part, what in self.hub.faults.items() if part in path), None)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        if fault in ("drop", "hang"):
            self.hub.requests.append(Request(self.command, path, token))
            if fault == "hang":
                self.hub.released.wait(60)
            self.close_connection = True
            return
        try:
            self._serve(path, token, fault)
        except _Refused as refused:
            self.hub.requests.append(Request(self.command, path, token))
            headers = {"X-Error-Message": str(refused)}
            if refused.code:
                headers["X-Error-Code"] = refused.code
            self._send(refused.status, json.dumps({"error": str(refused)}).encode(), headers)

    def _serve(self, path: str, token: str | None, fault: int | str | None) -> None:
        if isinstance(fault, int):
            raise _Refused(fault, None, "as the test wants it")
        if match := _API.fullmatch(path):
            repository = self._repository(match[1], token)
            commit = self._commit(repository, match[2] or "main")
            document = {
                "id": repository.name,
                "sha": commit,
                "private": False,
                "gated": "manual" if repository.gated else False,
                "siblings": [{"rfilename": name} for name in sorted(repository.commits[commit])],
            }
            body = json.dumps(document).encode()
            self.hub.requests.append(Request(self.command, path, token, len(body)))
            self._send(200, body, {"Content-Type": "application/json"})
        elif match := _FILE.fullmatch(path):
            repository = self._repository(match[1], token)
            if repository.gated:
                raise _Refused(403, "GatedRepo", f"access to {repository.name} is restricted")
            commit = self._commit(repository, match[2])
            data = repository.commits[commit].get(match[3])
            if data is None:
                raise _Refused(404, "EntryNotFound", "no such file")
            self.hub.requests.append(Request(self.command, path, token, len(data)))
            etag = hashlib.sha256(data).hexdigest()
            self._send(200, data, {"ETag": f'"{etag}"', "X-Repo-Commit": commit})
        else:
            raise _Refused(404, None, "no such page")

    def _repository(self, name: str, token: str | None) -> Repository:
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.token and token is None):
            # As the Hub does: who has no token is not told whether a private repository is there.
            raise _Refused(404 if token else 401, "RepoNotFound", "Repository not found")
        if repository.token and token != repository.token:
            raise _Refused(401, None, "Invalid credentials in Authorization header")
        return repository

    def _commit(self, repository: Repository, revision: str) -> str:
        commit = repository.resolve(revision)
        if commit is None:
            raise _Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
