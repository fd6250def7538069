"""Keeping texts at home: is an endpoint on this machine or network?

Only sending text is restricted. Downloading a model's weights from a hub by its id sends none and is allowed.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from annotator.errors import ServiceUnavailableError, StudyError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def shown(url: str) -> str:
    """The address without anything secret in it: no user, password, query or fragment.

    >>> shown("https://me:secret@host.example:8443/v1?key=abc")
    'https://host.example:8443/v1'
    >>> shown("me:secret@host.example")
    'host.example'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.rpartition("@")[2]
    if not parts.netloc:
        return url.rpartition("@")[2]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _addresses(host: str) -> list[_Address]:
    infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in infos]


def _is_near(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_private or address.is_link_local


def is_local(url: str) -> bool:
    """Whether every address of the URL's host is loopback, private or link-local; False if unknown."""
    host = urlsplit(url).hostname
    try:
        return bool(host) and all(_is_near(address) for address in _addresses(host or ""))
    except (OSError, UnicodeError):
        return False


def refuse_remote(url: str, annotator: str | None = None, *, who: str = "") -> list[_Address]:
    """The addresses of ``url``; raises unless texts sent there stay on this machine or its private network.

    Args:
        url: the endpoint's base URL.
        annotator: the machine annotator's name, for the message.
        who: what it is that sends texts, where it is no machine annotator.

    Raises:
        StudyError: the URL has no host, or one of the host's addresses is public.
        ServiceUnavailableError: the host's name cannot be resolved.
    """
    who = who or (f"machine annotator {annotator}" if annotator else "the machine annotator")
    host = urlsplit(url).hostname
    if not host:
        raise StudyError(
            f"{who}: the address {shown(url)!r} names no host",
            hint="Write it in full, such as http://127.0.0.1:8000/v1.",
        )
    try:
        addresses = _addresses(host)
    except (OSError, UnicodeError) as error:
        raise ServiceUnavailableError(
            f"{who}: the host name {host} cannot be resolved",
            hint="privacy: local_only needs the address to know that texts stay here. "
            "Check the address and the network.",
        ) from error
    for address in addresses:
        if not _is_near(address):
            raise StudyError(
                f"{who} would send texts to {host} ({address}), "
                "which is not on this machine or its private network",
                hint="privacy is local_only: use one on this machine or its network, "
                "or remove that key from the study file.",
            )
    return list(dict.fromkeys(addresses))
