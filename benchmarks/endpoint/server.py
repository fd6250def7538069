"""An endpoint of the OpenAI chat protocol that answers after a fixed time, and fails as often as told.

    python benchmarks/endpoint/server.py [--latency 0.2] [--connections 64] [--faults 0.3] [--hang 30]

Prints its port and serves on loopback until its standard input ends. A connection beyond ``--connections``
is refused: accepted by the system, closed at once, and counted. ``GET /`` gives what it did as JSON. It is
asyncio and nothing else, so that it takes a fraction of the time its client takes.
"""

import argparse
import asyncio
import json
import random
import sys
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field

CODES = ("economy", "health", "other")
FAULTS = ("429", "500", "hang", "garbage", "cut")


def code_of(text: str) -> str:
    """The code this endpoint gives a text."""
    return CODES[zlib.crc32(text.encode()) % len(CODES)]


@dataclass
class Log:
    """What the endpoint did: ``lateness`` is how long after its time an answer was sent, in seconds."""

    outcomes: Counter[str] = field(default_factory=Counter)
    open: int = 0
    most_open: int = 0
    refused: int = 0
    lateness: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, object]:
        """As JSON can hold it."""
        late = sorted(self.lateness) or [0.0]
        return {
            "calls": sum(self.outcomes.values()),
            "outcomes": dict(self.outcomes),
            "most_connections": self.most_open,
            "refused_connections": self.refused,
            "late_median": late[len(late) // 2],
            "late_99": late[int(0.99 * (len(late) - 1))],
            "cpu_seconds": time.process_time(),
        }


class Connection(asyncio.Protocol):
    """One client: requests come one after the other, as HTTP/1.1 has it."""

    def __init__(self, settings: argparse.Namespace, log: Log, rng: random.Random) -> None:
        self.settings, self.log, self.rng = settings, log, rng
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.is_counted = self.log.open < self.settings.connections
        if not self.is_counted:
            self.log.refused += 1
            transport.abort()
            return
        self.log.open += 1
        self.log.most_open = max(self.log.most_open, self.log.open)

    def connection_lost(self, _: Exception | None) -> None:
        self.log.open -= self.is_counted

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        if head.startswith(b"GET"):
            self.buffer = rest
            self.transport.write(_http(200, json.dumps(self.log.summary()).encode()))
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) >= length:
            self.buffer = rest[length:]
            self.answer(json.loads(rest[:length])["messages"])

    def answer(self, messages: list[dict[str, str]]) -> None:
        """Answer when the time has come, or fail."""
        is_faulty = self.rng.random() < self.settings.faults
        outcome = self.rng.choice(FAULTS) if is_faulty else "ok"
        self.log.outcomes[outcome] += 1
        loop = asyncio.get_running_loop()
        due = loop.time() + (self.settings.hang if outcome == "hang" else self.settings.latency)
        loop.call_at(due, self.send, outcome, messages, due)

    def send(self, outcome: str, messages: list[dict[str, str]], due: float) -> None:
        """Put the answer, or what stands for it, on the wire."""
        self.log.lateness.append(asyncio.get_running_loop().time() - due)
        if outcome == "hang":
            self.transport.abort()
            return
        text = messages[1]["content"].removeprefix("<text>\n").removesuffix("\n</text>\nCode:")
        whole = _completion(code_of(text) if len(messages) == 2 else "80%")
        if outcome == "ok":
            self.transport.write(_http(200, whole))
        elif outcome == "garbage":
            self.transport.write(_http(200, whole[: len(whole) // 2]))
        elif outcome == "cut":
            self.transport.write(_http(200, whole)[:-40])
            self.transport.close()
        else:
            self.transport.write(_http(int(outcome), b'{"error": {"message": "not now"}}'))


def _completion(said: str) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
    usage = {"prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps({**body, "usage": usage}).encode()


def _http(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(settings: argparse.Namespace) -> None:
    """Serve until standard input ends."""
    log, rng = Log(), random.Random(settings.seed)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(settings, log, rng), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--hang", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
