import pytest

from annotator.errors import ServiceUnavailableError, StudyError
from annotator.labeling.privacy import is_local, refuse_remote, shown


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "http://localhost:11434/v1",
        "http://[::1]:8000/v1",
        "http://10.1.2.3/v1",
        "http://172.16.0.9/v1",
        "https://192.168.0.10:8443/v1",
        "http://169.254.1.1/v1",
        "http://[fe80::1]/v1",
        "http://[fd00::1]/v1",
        "http://[::ffff:127.0.0.1]/v1",
    ],
)
def test_addresses_here_pass(url: str) -> None:
    refuse_remote(url, "gpt")
    assert is_local(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://8.8.8.8/v1",
        "http://[2001:4860:4860::8888]/v1",
        "http://[::ffff:8.8.8.8]/v1",
        "http://172.32.0.1/v1",
        "http://127.0.0.1@8.8.8.8/v1",
    ],
)
def test_public_addresses_are_refused(url: str) -> None:
    with pytest.raises(StudyError, match="would send texts to") as caught:
        refuse_remote(url, "gpt")
    assert "gpt" in caught.value.message
    assert not is_local(url)


def test_a_host_with_any_public_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(2, 1, 6, "", ("10.0.0.1", 0)), (2, 1, 6, "", ("1.1.1.1", 0))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: both)
    with pytest.raises(StudyError, match=r"1\.1\.1\.1"):
        refuse_remote("https://two.example/v1", "gpt")


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 300, "bad..name"])
def test_an_unknown_name_is_refused_for_now(host: str) -> None:
    with pytest.raises(ServiceUnavailableError, match="cannot be resolved"):
        refuse_remote(f"http://{host}/v1", "gpt")
    assert not is_local(f"http://{host}/v1")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "/v1", "http:///v1"])
def test_an_address_without_host_is_refused(url: str) -> None:
    with pytest.raises(StudyError, match="names no host"):
        refuse_remote(url, "gpt")


def test_messages_show_no_secret_of_an_address() -> None:
    assert shown("http://me:secret@host:1/v1?key=k#f") == "http://host:1/v1"
    assert shown("me:secret@host") == "host"
    assert shown("http://me:secret@[host") == "[host"
