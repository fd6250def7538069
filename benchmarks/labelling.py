"""How fast machines label, what faults cost, what a second run costs, and how much memory a corpus takes.

    python benchmarks/labelling.py [--parts speed,faults,memory] [--units 20000] [--sizes 100000,1000000]

A local endpoint, in a process of its own (`benchmarks/endpoint/server.py`), answers every call after 200 ms
on at most 64 connections; a further connection is refused, which the client sees as a fault. One call a unit.

`speed`   units a second through the label stage, of the 64 / 0.2 s that are possible; then a second run, once
          over the written tables and once over the cache of replies alone. A client of bare sockets says what
          the endpoint can do at this moment, and the endpoint how late its answers were.
`faults`  30 % of all calls fail, evenly 429, 500, a hang, half a body, a cut connection. The goodput that
          these faults leave possible is 64 connections over the connection time of an answer: its own 200 ms
          and, for each, 0.3 / 0.7 faults, 200 ms or (a hang) the client's time-out each. Waiting between
          tries, the last stragglers, and units given up after five tries all count against the client.
`memory`  peak resident memory of the label stage alone, and of ingesting, each in a process of its own. Here
          the endpoint is a function in that process: prompts, cache, pipeline and tables are as ever, HTTP
          is not there.

Goals: 0.95 of what is possible, 0.85 with faults, a second run without a call in 2 % of the time, 1 GiB.
"""

import argparse
import asyncio
import contextlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from endpoint.server import CODES, code_of
from rich.console import Console
from rich.table import Table

LATENCY, CONNECTIONS, FAULTY, TIMEOUT = 0.2, 64, 0.3, 2.0
POSSIBLE = CONNECTIONS / LATENCY
SERVER = Path(__file__).parent / "endpoint" / "server.py"


@contextlib.contextmanager
def endpoint(faults: float = 0.0) -> Iterator[str]:
    """The address of an endpoint that lives as long as the context."""
    command = [sys.executable, str(SERVER), "--latency", str(LATENCY), "--connections", str(CONNECTIONS)]
    with subprocess.Popen(
        [*command, "--faults", str(faults)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.stdin.close()


def log_of(address: str) -> dict[str, Any]:
    """What the endpoint says it did."""
    with urllib.request.urlopen(address) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def write_study(folder: Path, n_units: int, address: str) -> Path:
    """A corpus of short texts and a study of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(
        folder / "corpus.parquet", pa.schema([("id", "string"), ("text", "string")])
    ) as out:
        for start in range(0, n_units, 50_000):
            numbers = range(start, min(start + 50_000, n_units))
            texts = [f"Answer {number}: too many potholes, and the bus is late" for number in numbers]
            out.write_table(pa.table({"id": [f"u{number}" for number in numbers], "text": texts}))
    machine = {"name": "gpt", "kind": "openai", "model": "m", "base_url": f"{address}/v1"}
    study = {
        "name": "labelling",
        "corpus": {"path": "corpus.parquet", "id": "id", "text": "text"},
        "codebook": {"question": "Which problem is named?", "labels": [{"name": code} for code in CODES]},
        "machine": [
            {**machine, "confidence": "none", "concurrency": CONNECTIONS, "timeout": TIMEOUT, "price_in": 1.0}
        ],
        "coding": {"kind": "replay", "column": "text"},
        "design": {"rounds": 1, "budget": 10},
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def in_a_process(stage: str, study: Path) -> dict[str, Any]:
    """Run a stage of the study in a process of its own: its seconds, and its peak memory in MiB."""
    command = [sys.executable, __file__, "--stage", stage, "--study", str(study)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_stage(stage: str, path: Path) -> dict[str, Any]:
    """The other side of ``in_a_process``."""
    from annotator.labeling.completion import Completion  # noqa: PLC0415
    from annotator.labeling.endpoint import Answer, Endpoint, Request  # noqa: PLC0415
    from annotator.stages.ingest import ingest  # noqa: PLC0415
    from annotator.stages.label import label  # noqa: PLC0415
    from annotator.workspace import Workspace  # noqa: PLC0415

    async def at_once(_: Endpoint, request: Request) -> Answer:
        await asyncio.sleep(0)
        return Answer(Completion(code_of(request.messages[1]["content"]), "stop", 100, 2), 1, 0.0)

    if stage == "label-in-memory":
        Endpoint.ask = at_once  # type: ignore[method-assign, assignment]
    workspace = Workspace.open(path)
    before = _peak()
    started, cpu = time.perf_counter(), time.process_time()
    ingest(workspace) if stage == "ingest" else label(workspace)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "cpu": time.process_time() - cpu, "start": before, "peak": _peak()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def results(path: Path) -> tuple[Counter[str], int]:
    """How often each status came up, and how many labels are not the endpoint's. Every unit must be there."""
    from annotator.workspace import Workspace  # noqa: PLC0415

    workspace = Workspace.open(path)
    rows, units = workspace.machine_labels("gpt"), workspace.units
    assert rows["unit_id"].tolist() == units["unit_id"].tolist()
    is_ok = rows["status"] == "ok"
    assert is_ok.eq(rows["label"].notna()).all()
    return Counter(rows["status"]), int((rows["label"] != units["text"].map(code_of))[is_ok].sum())


async def _bare(address: str, seconds: float) -> float:
    """Calls a second of a client that does nothing but wait for answers."""
    body = json.dumps({"messages": [{"content": "x" * 400}, {"content": "y" * 60}]}).encode()
    request = b"POST /v1 HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    host, port = address.removeprefix("http://").split(":")
    ends = time.perf_counter() + seconds

    async def connection() -> int:
        reader, writer = await asyncio.open_connection(host, int(port))
        n_answered = 0
        while time.perf_counter() < ends:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.rsplit(b":", 1)[1]))
            n_answered += 1
        writer.close()
        return n_answered

    started = time.perf_counter()
    answered = await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return sum(answered) / (time.perf_counter() - started)


def speed(table: Table, folder: Path, n_units: int) -> None:
    """Throughput without a fault, and second runs."""
    with endpoint() as address:
        bare = asyncio.run(_bare(address, 10.0))
    with endpoint() as address:
        study = write_study(folder, n_units, address)
        in_a_process("ingest", study)
        first = in_a_process("label", study)
        log = log_of(address)
        statuses, n_wrong = results(study)
        again = in_a_process("label", study)
        shutil.rmtree(folder / "out" / "machine_labels")
        cached = in_a_process("label", study)
        calls = log_of(address)["calls"] - log["calls"]
    rate = n_units / first["seconds"]
    table.add_row("bare sockets", f"{bare:.1f} calls/s", f"{bare / POSSIBLE:.3f}", "")
    table.add_row(f"label {n_units:,} units", f"{rate:.1f} units/s", f"{rate / POSSIBLE:.3f}", "0.95")
    table.add_row("  statuses, wrong labels", f"{dict(statuses)}, {n_wrong}", "", "")
    late = f"{1e3 * log['late_median']:.1f} ms, {1e3 * log['late_99']:.1f} ms"
    table.add_row("  endpoint late by (median, 99 %)", late, "", "")
    load = f"{first['cpu'] / first['seconds']:.0%}, {log['cpu_seconds'] / first['seconds']:.0%}"
    table.add_row("  of a core: client, endpoint", load, "", "")
    connections = f"{log['most_connections']}, {log['refused_connections']}"
    table.add_row("  connections at most, refused", connections, "", "")
    for name, run in (("second run, tables there", again), ("second run, cache alone", cached)):
        share = run["seconds"] / first["seconds"]
        table.add_row(name, f"{run['seconds']:.2f} s, {calls} calls", f"{share:.4f}", "0.02")


def faults(table: Table, folder: Path, n_units: int) -> None:
    """Goodput where 30 % of all calls fail."""
    with endpoint(FAULTY) as address:
        study = write_study(folder, n_units, address)
        in_a_process("ingest", study)
        run = in_a_process("label", study)
        log = log_of(address)
    statuses, n_wrong = results(study)
    fault_seconds = (4 * LATENCY + TIMEOUT) / 5
    possible = CONNECTIONS / (LATENCY + FAULTY / (1 - FAULTY) * fault_seconds)
    rate = statuses["ok"] / run["seconds"]
    table.add_row(
        f"{n_units:,} units, {FAULTY:.0%} faults",
        f"{rate:.1f} of {possible:.1f} units/s",
        f"{rate / possible:.3f}",
        "0.85",
    )
    table.add_row("  statuses, wrong labels", f"{dict(statuses)}, {n_wrong}", "", "")
    table.add_row("  what the endpoint did", str(log["outcomes"]), "", "")
    table.add_row("  connections refused", str(log["refused_connections"]), "", "")


def memory(table: Table, folder: Path, sizes: Sequence[int]) -> None:
    """Peak memory by corpus size."""
    for n_units in sizes:
        study = write_study(folder / str(n_units), n_units, "http://127.0.0.1:9")
        read = in_a_process("ingest", study)
        run = in_a_process("label-in-memory", study)
        what = f"{run['peak']:.0f} MiB, {run['start']:.0f} at its start; {run['seconds']:.0f} s"
        table.add_row(f"label {n_units:,} units in memory", what, f"{run['peak'] / 1024:.2f} GiB", "1")
        table.add_row(
            f"  ingest {n_units:,} units", f"{read['peak']:.0f} MiB; {read['seconds']:.0f} s", "", ""
        )
        shutil.rmtree(folder / str(n_units))


def main() -> None:
    """Run the parts and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parts", default="speed,faults,memory")
    parser.add_argument("--units", type=int, default=20_000)
    parser.add_argument("--sizes", default="100000,1000000")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--study", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        print(json.dumps(run_stage(args.stage, args.study)))
        return
    table = Table(title="Machine labelling", title_justify="left")
    for column in ("what", "seen", "ratio", "goal"):
        table.add_column(column, justify="right" if column in {"ratio", "goal"} else "left")
    with tempfile.TemporaryDirectory() as folder:
        for part in args.parts.split(","):
            place = Path(folder) / part
            match part:
                case "speed":
                    speed(table, place, args.units)
                case "faults":
                    faults(table, place, args.units)
                case "memory":
                    memory(table, place, [int(size) for size in args.sizes.split(",")])
                case _:
                    parser.error(f"there is no part {part}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
