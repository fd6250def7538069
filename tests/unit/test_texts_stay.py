"""With `privacy: local_only` no text leaves: by no proxy, redirect, name that changes, or cluster."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import small_study
from batch_provider import BatchProvider
from chat_endpoint import Answer, ChatEndpoint, completion
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from labeling_setup import UNITS, knows, openai_annotator

from annotator.advance import advance
from annotator.coding.build import build as build_coding
from annotator.errors import ServiceError, StudyError
from annotator.labeling.cache import ReplyCache
from annotator.runner import Runner
from annotator.state import Step, next_step
from annotator.workspace import Workspace

pytestmark = pytest.mark.usefixtures("no_waiting")

NAME = "models.example"
resolve = socket.getaddrinfo


def answers(messages: list[dict[str, str]], _: int = 1) -> Answer:
    return completion("80" if len(messages) > 2 else "left")


class Names:
    """A name server that can change its mind."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    def __call__(self, host: str, port: Any, *args: Any, **options: Any) -> Any:
        if host not in (NAME, NAME.encode()):
            return resolve(host, port, *args, **options)
        return [found for address in self.addresses for found in resolve(address, port, *args, **options)]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    server = Names("127.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", server)
    return server


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatEndpoint]:
    """A proxy that the whole environment points to."""
    with ChatEndpoint(knows) as server:
        address = server.base_url.removesuffix("/v1")
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
            monkeypatch.setenv(name.lower(), address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield server


def named(url: str) -> str:
    return url.replace("127.0.0.1", NAME)


def study(folder: Path, base_url: str, **machine: Any) -> Path:
    section = {"name": "remote", "kind": "openai", "model": "m", "base_url": base_url, "attempts": 2}
    return small_study.write(
        folder,
        small_study.corpus(60),
        machine=[{**section, **machine}],
        privacy="local_only",
        design={"rounds": 1, "budget": 10},
    )


@pytest.mark.parametrize("batch", [False, True], ids=["requests", "batches"])
def test_no_proxy_sees_a_text(tmp_path: Path, names: Names, proxy: ChatEndpoint, batch: bool) -> None:
    with BatchProvider(answers) as endpoint:
        path = study(tmp_path, named(endpoint.base_url), batch=batch)
        while next_step(Workspace.open(path)) != Step("open_round", 1):
            advance(Workspace.open(path))
            endpoint.work()
        assert len(endpoint.requests) == 2 * 60 + 2 * 20
    assert proxy.requests == []


def later(names: Names, addresses: tuple[str, ...]) -> Callable[[list[dict[str, str]], int], Answer]:
    """Answers, and from the first request on the name means other addresses; every connection is new."""

    def behave(messages: list[dict[str, str]], times: int) -> Answer:
        names.addresses = addresses
        answer = knows(messages, times)
        return Answer(answer.body, headers={"Connection": "close"})

    return behave


@pytest.mark.parametrize("local_only", [True, False])
def test_a_name_that_changes_on_the_way_changes_nothing(
    cache: ReplyCache, names: Names, local_only: bool
) -> None:
    with ChatEndpoint(later(names, ("127.0.0.2",))) as here:
        port = here.server_address[1]
        with ElsewhereEndpoint(port) as elsewhere:
            annotator = openai_annotator(named(here.base_url), cache, concurrency=1, local_only=local_only)
            annotator.label(UNITS)
            assert bool(elsewhere.requests) == (not local_only)


class ElsewhereEndpoint(ChatEndpoint):
    """Another machine, as it were: another address of this one."""

    def __init__(self, port: int) -> None:
        self.address_family = socket.AF_INET
        super().__init__(knows, port)

    def server_bind(self) -> None:
        self.server_address = ("127.0.0.2", self.server_address[1])
        super().server_bind()


def test_a_name_that_became_public_after_the_check_is_refused(cache: ReplyCache, names: Names) -> None:
    with ChatEndpoint(knows) as endpoint:
        annotator = openai_annotator(named(endpoint.base_url), cache, local_only=True)
        names.addresses = ("203.0.113.9", "8.8.8.8")
        with pytest.raises(StudyError, match=r"would send texts to models\.example \(8\.8\.8\.8\)"):
            annotator.label(UNITS)
        assert endpoint.requests == []


def test_the_next_address_is_tried_where_nobody_listens_at_the_first(cache: ReplyCache, names: Names) -> None:
    names.addresses = ("127.0.0.3", "127.0.0.1")
    with ChatEndpoint(knows) as endpoint:
        rows = openai_annotator(named(endpoint.base_url), cache, local_only=True).label(UNITS)
    assert {row.status for row in rows} == {"ok"}


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate of its own for this name, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


@pytest.mark.parametrize("name", [NAME, "other.example"])
def test_the_certificate_is_checked_against_the_name(
    tmp_path: Path, cache: ReplyCache, names: Names, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, context = certificate(tmp_path, name)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with ChatEndpoint(knows) as endpoint:
        endpoint.socket = context.wrap_socket(endpoint.socket, server_side=True)
        url = named(endpoint.base_url).replace("http:", "https:")
        annotator = openai_annotator(url, cache, local_only=True, attempts=1)
        if name == NAME:
            assert {row.status for row in annotator.label(UNITS)} == {"ok"}
        else:
            with pytest.raises(ServiceError):
                annotator.label(UNITS)
            assert endpoint.requests == []


@pytest.mark.parametrize("batch", [False, True], ids=["requests", "batches"])
def test_a_redirect_is_not_followed(tmp_path: Path, batch: bool) -> None:
    with ChatEndpoint(answers) as elsewhere, BatchProvider(answers) as endpoint:
        away = Answer(status=307, headers={"Location": elsewhere.base_url})
        endpoint.behave = lambda *_: away
        endpoint.faults = dict.fromkeys(("POST /v1/files", "POST /v1/batches"), away)
        path = study(tmp_path, endpoint.base_url, batch=batch)
        advance(Workspace.open(path))
        with pytest.raises(ServiceError):
            advance(Workspace.open(path))
        assert elsewhere.requests == []


@pytest.mark.parametrize("batch", [False, True], ids=["requests", "batches"])
def test_a_public_endpoint_is_refused_on_every_path(tmp_path: Path, names: Names, batch: bool) -> None:
    path = study(tmp_path, f"http://{NAME}:9/v1", batch=batch)
    names.addresses = ("8.8.8.8",)
    advance(Workspace.open(path))
    with pytest.raises(StudyError, match="would send texts to"):
        advance(Workspace.open(path))


def test_the_canary_notes_a_public_endpoint_and_sends_nothing(tmp_path: Path, names: Names) -> None:
    with ChatEndpoint(answers) as endpoint:
        path = study(tmp_path, named(endpoint.base_url))
        while next_step(Workspace.open(path)) != Step("canary", 1):
            advance(Workspace.open(path))
        n_asked = len(endpoint.requests)
        names.addresses = ("8.8.8.8",)
        assert "would send texts to" in advance(Workspace.open(path)).message
        assert len(endpoint.requests) == n_asked


@pytest.mark.parametrize("address", ["tcp://8.8.8.8:8786", "ray://8.8.8.8:10001", "8.8.8.8:6379"])
def test_a_public_cluster_is_refused(address: str) -> None:
    runner = Runner(kind="ray", workers=1, address=address)
    runner.check(local_only=False)
    with pytest.raises(StudyError, match=r"runner would send texts to 8\.8\.8\.8"):
        runner.check(local_only=True)


@pytest.mark.parametrize("address", ["tcp://10.0.0.5:8786", "127.0.0.1:6379", "auto", None])
def test_a_cluster_of_the_network_is_not(address: str | None) -> None:
    Runner(kind="ray", workers=1, address=address).check(local_only=True)


def test_a_public_label_studio_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "t" * 40)
    coding = {"kind": "label_studio", "url": "http://8.8.8.8:8080"}
    for privacy, refused in (("local_only", True), (None, False)):
        workspace = Workspace.open(small_study.write(tmp_path / str(privacy), coding=coding, privacy=privacy))
        if refused:
            with pytest.raises(StudyError, match="coding would send texts to"):
                build_coding(workspace)
        else:
            build_coding(workspace)
