"""Free ports on the loopback interface."""

import itertools
import socket
import time

from annotator.errors import ServiceError

LOOPBACK = "127.0.0.1"


def is_taken(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    if is_taken(port):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def wait_until_free(port: int, seconds: float) -> None:
    """Return when the port is free, or after so many seconds: a killed server lets go a moment later."""
    end = time.monotonic() + seconds
    while not is_free(port) and time.monotonic() < end:
        time.sleep(0.1)


def choose(preferred: list[int], avoid: set[int]) -> int:
    """The first free port of ``preferred``, then of those right after it; never one of ``avoid``.

    Raises ServiceError when 200 ports in a row are taken.
    """
    first = preferred[0]
    for port in itertools.chain(preferred, range(first + 1, min(first + 200, 65536))):
        if port not in avoid and is_free(port):
            return port
    raise ServiceError(f"No port from {first} on is free on this machine.")
