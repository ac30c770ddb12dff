"""A real API server with its etcd, started from the binaries of an envtest folder. It listens on loopback only."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

TOKEN = "admin-token"
_START_SECONDS = 120
_STOP_SECONDS = 30
_NEEDED = ("etcd", "kube-apiserver")


def assets() -> Path | None:
    """Return the folder that the environment names, if the binaries are in it."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    folder = Path(named) if named else None
    return folder if folder and all((folder / name).exists() for name in _NEEDED) else None


@dataclass(frozen=True)
class ControlPlane:
    """A running API server: a kubeconfig file of somebody who may do everything, and its etcd."""

    kubeconfig: Path
    etcd: str

    def compact(self, version: int) -> None:
        """Let etcd forget what was before a resourceVersion."""
        data = json.dumps({"revision": version, "physical": True}).encode()
        request = urllib.request.Request(f"{self.etcd}/v3/kv/compaction", data=data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()


@contextmanager
def control_plane(binaries: Path, folder: Path) -> Iterator[ControlPlane]:
    """Run etcd and an API server."""
    client, peer, port = _free_ports(3)
    etcd = f"http://127.0.0.1:{client}"
    with ExitStack() as stack:
        stack.enter_context(_running(_etcd(binaries, folder, etcd, peer), folder / "etcd.log"))
        arguments = _api_server(binaries, folder, etcd, port)
        log = folder / "kube-apiserver.log"
        process = stack.enter_context(_running(arguments, log))
        _wait(port, process, log)
        yield ControlPlane(_kubeconfig(folder, port), etcd)


@contextmanager
def garbage_collector(binaries: Path, plane: ControlPlane) -> Iterator[bool]:
    """Run Kubernetes' own garbage collector, if its binary is there too; tell whether it is."""
    program = binaries / "kube-controller-manager"
    if not program.exists():
        yield False
        return
    arguments = [
        str(program),
        f"--kubeconfig={plane.kubeconfig}",
        "--controllers=garbage-collector-controller",
        "--leader-elect=false",
        "--secure-port=0",
    ]
    with _running(arguments, plane.kubeconfig.with_name("kube-controller-manager.log")):
        yield True


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _etcd(binaries: Path, folder: Path, url: str, peer: int) -> list[str]:
    peers = f"http://127.0.0.1:{peer}"
    return [
        str(binaries / "etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
    ]


def _api_server(binaries: Path, folder: Path, etcd: str, port: int) -> list[str]:
    private, public = _key_pair(folder)
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{TOKEN},admin,admin,"system:masters"\n', encoding="utf-8")
    return [
        str(binaries / "kube-apiserver"),
        f"--etcd-servers={etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={tokens}",
        "--authorization-mode=RBAC",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={public}",
        f"--service-account-signing-key-file={private}",
        # Nothing makes service accounts here, and pods shall be made all the same.
        "--disable-admission-plugins=ServiceAccount",
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        # So that what etcd forgets of these is forgotten.
        "--watch-cache-sizes=configmaps#0",
        "--max-requests-inflight=2000",
        "--max-mutating-requests-inflight=1000",
    ]


def _key_pair(folder: Path) -> tuple[Path, Path]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private, public = folder / "service-accounts.key", folder / "service-accounts.pub"
    form = PrivateFormat.TraditionalOpenSSL
    private.write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))
    shown = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public.write_bytes(shown)
    return private, public


@contextmanager
def _running(arguments: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server says that it is ready."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _ready(port):
            return
        time.sleep(0.2)
    last = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"the API server did not become ready; the end of its log:\n{last}")


def _ready(port: int) -> bool:
    # Its certificate is its own, made as it starts.
    trusting = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=trusting)
    try:
        connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _kubeconfig(folder: Path, port: int) -> Path:
    named = {"name": "envtest"}
    server = f"https://127.0.0.1:{port}"
    certificate = str(folder / "certificates" / "apiserver.crt")
    cluster = {"server": server, "certificate-authority": certificate}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{**named, "cluster": cluster}],
        "users": [{**named, "user": {"token": TOKEN}}],
        "contexts": [{**named, "context": {"cluster": "envtest", "user": "envtest"}}],
        "current-context": "envtest",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
