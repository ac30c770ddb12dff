"""HTTP/1.1 by hand: requests that a client library would not send, and answers as they come."""

import json
import select
import time

from serving import MODEL

INFER = f"/v2/models/{MODEL}/infer"
PREDICT = f"/v1/models/{MODEL}:predict"
BODY = json.dumps({"instances": ["hello"]}).encode()


def head(length, *more, path=PREDICT):
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def answer(connection):
    """Return status and document of the answer, read until the server closes."""
    data = b""
    while part := connection.recv(2**16):
        data += part
    top, _, body = data.partition(b"\r\n\r\n")
    return (int(top.split()[1]), json.loads(body)) if data else None


def one_answer(connection):
    """Return the status of the next answer, all of it read, the connection left open."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(2**16)
    top, _, body = data.partition(b"\r\n\r\n")
    line = next(line for line in top.split(b"\r\n") if line.lower().startswith(b"content-length"))
    missing = int(line.split(b":")[1]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(2**16))
    return int(top.split()[1])


def trickle(connection, part, seconds=60):
    """Send a part again and again, slowly, until the server answers or closes; return its answer or None."""
    end = time.monotonic() + seconds
    while not select.select([connection], [], [], 0.05)[0]:
        assert time.monotonic() < end, "the server is patient without end"
        connection.sendall(part)
    return answer(connection)
