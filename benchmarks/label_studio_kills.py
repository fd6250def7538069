"""Is a code lost or doubled while Label Studio is killed? Rounds of coding with `kill -9` at random moments.

    python benchmarks/label_studio_kills.py [--rounds 5] [--units 200] [--coders 4] [--kills 20] [--seed 1]
                                            [--database postgresql] [--json FILE]

Starts a Label Studio of its own in a temporary folder, lets a study advance while simulated coders work side
by side, kills Label Studio while tasks are being sent, coded and collected, and starts it again each time. A
coder keeps a record of the codes that Label Studio acknowledged, and submits again where no answer came. In
the end the records are compared with the tables and with Label Studio. Ends with 1 if a code is lost or
doubled, or a unit has other than one task.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgresql
import small_study

from annotator import services
from annotator.advance import advance
from annotator.coding.accounts import ensure_account
from annotator.coding.build import build
from annotator.coding.label_studio import LabelStudio
from annotator.coding.label_studio_client import Client, TokenAuth
from annotator.coding.simulated import SimulatedCoder
from annotator.errors import ServiceUnavailableError
from annotator.services import ports
from annotator.services.folder import Record, ServicesFolder
from annotator.services.label_studio_database import DATABASE_VARIABLE
from annotator.services.server import LABEL_STUDIO
from annotator.state import next_step
from annotator.workspace import Workspace, codes, tasks

OVERLAP = 0.15
PASSWORD = "coder-password-1"


class Killer:
    """Kills Label Studio with all its processes, and starts it again, at moments drawn beforehand.

    One kill in four falls into the sending of tasks, some time after it began; the others a moment after a
    certain code of the round was acknowledged.
    """

    def __init__(self, root: Path, n_rounds: int, n_codes: int, n_kills: int, seed: int) -> None:
        self._root, self._busy = root, threading.Lock()
        self._rng = np.random.default_rng(seed)
        self._threads: list[threading.Thread] = []
        self.n_kills = 0
        of_round = np.array_split(np.arange(n_kills), n_rounds)
        n_sending = [-(-len(kills) // 4) for kills in of_round]
        self._sending = dict(enumerate(n_sending, start=1))
        self._after = {
            number: Counter(self._rng.integers(0, int(0.9 * n_codes), len(kills) - count).tolist())
            for number, (kills, count) in enumerate(zip(of_round, n_sending, strict=True), start=1)
        }

    def while_sending(self, round_number: int) -> None:
        """Called when tasks are about to be sent."""
        if self._sending[round_number]:
            self._sending[round_number] -= 1
            self._kill_in(self._rng.uniform(0.0, 2.0))

    def after_code(self, round_number: int, n_given: int) -> None:
        """Called when the coders have ``n_given`` acknowledged codes in this round."""
        for _ in range(self._after[round_number].pop(n_given, 0)):
            self._kill_in(self._rng.uniform(0.0, 0.5))

    def join(self) -> None:
        """Wait for the last restart."""
        for thread in self._threads:
            thread.join()

    def _kill_in(self, seconds: float) -> None:
        thread = threading.Timer(seconds, self._kill)
        self._threads.append(thread)
        thread.start()

    def _kill(self) -> None:
        with self._busy:
            leader = psutil.Process(ServicesFolder(self._root).read().processes[LABEL_STUDIO].pid)
            for process in (leader, *leader.children(recursive=True)):
                process.kill()
            self.n_kills += 1
            services.up(self._root, prefect=False, progress=lambda message: None)
            print(f"killed {self.n_kills} times", file=sys.stderr, flush=True)


class Shift:
    """The coders at work, each in a thread, until they are told to go home."""

    def __init__(self, coders: list[SimulatedCoder], project_id: int, on_code: Callable[[], None]) -> None:
        self._over = threading.Event()
        self._on_code = on_code
        self.error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, args=(coder, project_id), daemon=True) for coder in coders
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let every coder finish what is in hand."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self, coder: SimulatedCoder, project_id: int) -> None:
        while not self._over.wait(0.5):
            try:
                coder.code(project_id, on_coded=self._on_code)
            except ServiceUnavailableError:
                continue
            except Exception as error:  # told by the main thread
                self.error = error
                return


@contextlib.contextmanager
def running(database: str) -> Iterator[services.Services]:
    """A Label Studio in a folder of its own, on SQLite or on a PostgreSQL of its own."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["ANNOTATOR_SERVICES"] = folder
        if database == "postgresql":
            os.environ[DATABASE_VARIABLE] = stack.enter_context(postgresql.running())
        stack.callback(services.down, Path(folder))
        # Neither a usual port nor one that the system hands out, which a program could take after a kill.
        port = ports.choose([np.random.default_rng().integers(20_000, 30_000).item()], set())
        ServicesFolder(Path(folder)).create()
        ServicesFolder(Path(folder)).write(Record(ports={LABEL_STUDIO: port}))
        yield services.up(Path(folder), prefect=False, progress=lambda message: None)


def study(folder: Path, n_rounds: int, n_units: int) -> tuple[Path, dict[str, str]]:
    """The study file and the code on record of every unit."""
    frame = small_study.corpus(2 * n_rounds * n_units)
    path = small_study.write(
        folder,
        frame,
        name="kills",
        coding={"kind": "label_studio", "overlap": OVERLAP},
        design={"rounds": n_rounds, "budget": n_rounds * n_units},
        estimands=[{"name": "prevalence", "kind": "mean"}],
    )
    return path, dict(zip(frame["id"], frame["human"], strict=True))


def team(found: services.Services, path: Path, truth: dict[str, str], size: int) -> list[SimulatedCoder]:
    """Coders with accounts of their own."""
    url, token = found.label_studio_url, found.credentials().token
    book = Workspace.open(path).study.codebook
    emails = [f"coder{number}@example.com" for number in range(1, size + 1)]
    for email in emails:
        ensure_account(url, token, email, PASSWORD)
    return [
        SimulatedCoder(
            url,
            email,
            PASSWORD,
            answers=truth,
            error_rate=0.1,
            codebook=book,
            rng=np.random.default_rng(number),
        )
        for number, email in enumerate(emails)
    ]


def play(path: Path, coders: list[SimulatedCoder], killer: Killer) -> int:
    """Advance the study to its end as a schedule would; how many runs of `advance` found nobody there."""
    n_away, shift, counting = 0, None, threading.Lock()
    number, given = 1, 0

    def on_code() -> None:
        nonlocal given
        with counting:
            given += 1
            killer.after_code(number, given)

    while (step := next_step(workspace := Workspace.open(path))).stage != "done":
        if shift is not None and shift.error is not None:
            raise shift.error
        if step.stage == "send":
            with counting:
                number, given = step.round_number, given if step.round_number == number else 0
            killer.while_sending(number)
        try:
            outcome = advance(workspace)
            if shift is None and outcome.step.stage == "send":
                service = build(workspace)
                assert isinstance(service, LabelStudio)
                shift = Shift(coders, service.project_id, on_code)
        except ServiceUnavailableError:
            n_away += 1
        time.sleep(0.2)
    if shift is not None:
        shift.end()
    killer.join()
    return n_away


def findings(found: services.Services, path: Path, coders: list[SimulatedCoder]) -> dict[str, Any]:
    """What the coders were told, what the tables hold and what Label Studio holds."""
    workspace = Workspace.open(path)
    n_rounds = workspace.study.design.rounds
    table = pd.concat([workspace.store.read_frame(codes(n)) for n in range(1, n_rounds + 1)])
    sent = pd.concat([workspace.store.read_frame(tasks(n)) for n in range(1, n_rounds + 1)])
    told = {(unit, coder.email): label for coder in coders for unit, label in coder.acknowledged}
    kept = dict(zip(zip(table["unit_id"], table["coder"], strict=True), table["label"], strict=True))
    service = build(workspace)
    assert isinstance(service, LabelStudio)
    client = Client(found.label_studio_url, TokenAuth(found.credentials().token))
    there = [row for n in range(1, n_rounds + 1) for row in service._tasks_of(n)]
    per_unit = Counter(row["data"]["unit_id"] for row in there)
    stored = service.collect(sent)
    in_store = set(zip(stored["unit_id"], stored["coder"], strict=True))
    overlap = sent.set_index("unit_id")["overlap"]
    per_task = table.groupby("unit_id").size().reindex(overlap.index, fill_value=0)
    n_annotations = client.get(f"/api/projects/{service.project_id}/")["total_annotations_number"]
    return {
        "units sent": len(sent),
        "tasks a unit, least": min(per_unit.get(unit, 0) for unit in sent["unit_id"]),
        "tasks a unit, most": max(per_unit.values()),
        "codes acknowledged to the coders": len(told),
        "codes collected": len(table),
        "codes lost": sum(kept.get(key) != label for key, label in told.items()),
        "codes lost in Label Studio itself": sum(key not in in_store for key in told),
        "codes doubled": int(table.duplicated(["unit_id", "coder"]).sum()),
        "codes no coder was told of": len(set(kept) - set(told)),
        "submitted twice, counted once": n_annotations - len(in_store),
        "units with fewer codes than asked": int((per_task < overlap).sum()),
        "units with more codes than asked": int((per_task > overlap).sum()),
    }


def main() -> None:
    """Play, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--units", type=int, default=200, help="a round")
    parser.add_argument("--coders", type=int, default=4)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    args = parser.parse_args()
    with running(args.database) as found, tempfile.TemporaryDirectory() as folder:
        path, truth = study(Path(folder), args.rounds, args.units)
        coders = team(found, path, truth, args.coders)
        n_codes = args.units + round(OVERLAP * args.units)
        killer = Killer(found.root, args.rounds, n_codes, args.kills, args.seed)
        started = time.perf_counter()
        n_away = play(path, coders, killer)
        seconds = time.perf_counter() - started
        figures = {"kills": killer.n_kills, "runs of advance that failed": n_away}
        figures |= findings(found, path, coders) | {"seconds": round(seconds)}
    for what, figure in figures.items():
        print(f"{what:<40} {figure:>8}")
    if args.json:
        args.json.write_text(json.dumps(figures))
    broken = figures["codes lost"] or figures["codes doubled"]
    sys.exit(int(bool(broken) or (figures["tasks a unit, least"], figures["tasks a unit, most"]) != (1, 1)))


if __name__ == "__main__":
    main()
