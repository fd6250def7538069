"""The way to an endpoint: no redirects, and for a study that is ``local_only`` no way out of the network.

Where texts must stay, the host's name is resolved once and checked, requests go to just the addresses that
passed, and no proxy of the environment is used. A name that means another machine a minute later changes
nothing.
"""

from typing import TYPE_CHECKING, Any

from annotator.labeling.privacy import is_local, refuse_remote

if TYPE_CHECKING:
    import httpx2

_CONNECT_SECONDS = 10.0


def http_client(
    base_url: str, *, seconds: float, at_once: int, local_only: bool = False, annotator: str | None = None
) -> "httpx2.AsyncClient":
    """A client for one endpoint.

    Args:
        base_url: its address.
        seconds: how long a read or a write may take.
        at_once: most connections.
        local_only: whether texts may only go to this machine or its private network.
        annotator: the machine annotator's name, for messages.

    Raises:
        StudyError: texts would leave, and may not.
        ServiceUnavailableError: texts may not leave, and the host's name cannot be resolved.
    """
    import httpx2  # noqa: PLC0415 (slow to import)
    from openai import DefaultAsyncHttpxClient  # noqa: PLC0415

    limits = httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    settings: dict[str, Any] = {
        "timeout": httpx2.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS), pool=None),
        "follow_redirects": False,
    }
    if local_only:
        addresses = [str(address) for address in refuse_remote(base_url, annotator)]
        transport = _pinned(httpx2.AsyncHTTPTransport(limits=limits), addresses)
        return DefaultAsyncHttpxClient(transport=transport, trust_env=False, **settings)
    # No proxy between this machine and itself.
    return DefaultAsyncHttpxClient(limits=limits, trust_env=not is_local(base_url), **settings)


def _pinned(transport: "httpx2.AsyncHTTPTransport", addresses: list[str]) -> "httpx2.AsyncBaseTransport":
    """A transport that connects to these addresses only, the first that answers first."""
    import httpx2  # noqa: PLC0415 (slow to import)

    class Pinned(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            # The certificate is still checked against the name; the Host header has it already.
            request.extensions = {**request.extensions, "sni_hostname": request.url.host}
            for position, address in enumerate(tuple(addresses)):
                request.url = request.url.copy_with(host=address)
                try:
                    return await transport.handle_async_request(request)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    if position == len(addresses) - 1:
                        raise
                    addresses.append(addresses.pop(0))
            raise AssertionError("a host has an address")

        async def aclose(self) -> None:
            await transport.aclose()

    return Pinned()
