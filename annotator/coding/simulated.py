"""Simulated coders: separate accounts that code through Label Studio as people's pages do.

For demonstrations and tests. What they know comes from a reference code; what they get wrong is random.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.coding.accounts import Account
from annotator.coding.label_studio_client import NotFoundError
from annotator.coding.labeling_config import chosen
from annotator.coding.material import IMAGE, TEXT
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.progress import Progress, silent

Answers = Callable[[str], str] | Mapping[str, str]
Turn = AbstractContextManager[Any]


class SimulatedCoder:
    """A coder who takes the next task, answers it with some error, and goes on until nothing is left.

    ``answers`` gives the reference label of a unit id. On average a share ``error_rate`` of the answers
    is another one: another code, or a set with one code more or less. Hard units (the same for every coder)
    get more of them than easy ones.
    What this coder says about a unit depends on ``rng``'s state at the start and on the unit alone, not on
    the order of the tasks. ``patience`` is for how many seconds it waits for a service that is away. Where no
    answer comes it submits again, as a person does, so that Label Studio may hold the same code twice.

    ``acknowledged`` is the coder's own record: unit id and label of each answer that Label Studio confirmed.
    """

    def __init__(
        self,
        url: str,
        email: str,
        password: str,
        *,
        answers: Answers,
        error_rate: float,
        codebook: Codebook,
        rng: np.random.Generator,
        patience: float = 120.0,
    ) -> None:
        if not 0 <= error_rate <= 0.5:
            raise ValueError(f"error_rate must be between 0 and 0.5, got {error_rate}")
        self.email = email
        self.acknowledged: list[tuple[str, str]] = []
        self._account = Account(url, email, password, patience=patience)
        self._answer = answers if callable(answers) else answers.__getitem__
        self._error_rate = error_rate
        self._codebook = codebook
        self._seed = int(rng.integers(2**63))

    def code(
        self,
        project_id: int,
        *,
        turn: Turn | None = None,
        on_coded: Callable[[], None] | None = None,
    ) -> int:
        """Code until nothing is left for this coder; how many units. Raises ServiceError.

        ``turn`` is held while a task is fetched: Label Studio on SQLite looks for a free task and locks
        it in two steps, so two coders who ask within the same milliseconds would get the same one.
        """
        self._account.log_in()
        done = 0
        while (task := self._next(project_id, turn or nullcontext())) is not None:
            if self._submit(task):
                done += 1
                if on_coded is not None:
                    on_coded()
        return done

    def judge(self, unit_id: str) -> str:
        """What this coder says about a unit, every time."""
        truth = self._answer(unit_id)
        rng = np.random.default_rng([self._seed, _number(f"unit {unit_id}")])
        # Twice the rate times a number that is uniform over units: the mean over units is the rate.
        chance_of_error = 2 * self._error_rate * difficulty(unit_id)
        others = self._mistakes(truth)
        return str(rng.choice(others)) if others and rng.random() < chance_of_error else truth

    def _mistakes(self, truth: str) -> list[str]:
        names = self._codebook.names
        if not self._codebook.is_multilabel:
            return [name for name in names if name != truth]
        codes = set(label_sets.split(truth, names) or ())
        return [label_sets.join(codes ^ {name}, names) for name in names]

    def _next(self, project_id: int, turn: Turn) -> dict[str, Any] | None:
        """The task that the coder's own page would show next."""
        with turn:
            try:
                task: dict[str, Any] = self._signed_in(
                    lambda: self._account.client.get(f"/api/projects/{project_id}/next")
                )
            except NotFoundError:
                return None
        return task

    def _submit(self, task: dict[str, Any]) -> bool:
        unit_id = task["data"]["unit_id"]
        rng = np.random.default_rng([self._seed, _number(f"time {unit_id}")])
        label = self.judge(unit_id)
        body = {
            "result": [chosen(self._choices(label), _main(task["data"]))],
            "lead_time": round(float(rng.lognormal(2.2, 0.5)), 2),
        }
        place = f"/api/tasks/{task['id']}/annotations/"
        try:
            self._signed_in(lambda: self._account.client.post(place, body, repeatable=True))
        except (ServiceUnavailableError, NotFoundError):
            return False  # the next task tells: one whose answer is not stored comes back
        self.acknowledged.append((unit_id, label))
        return True

    def _choices(self, label: str) -> list[str]:
        return label.split(label_sets.SEPARATOR) if self._codebook.is_multilabel else [label]

    def _signed_in(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (ServiceUnavailableError, NotFoundError):
            raise
        except ServiceError:
            self._account.log_in()  # the session may have ended with a restart
            return call()


def _main(data: Mapping[str, Any]) -> str:
    return TEXT if TEXT in data else IMAGE


def code_all(
    coders: Sequence[SimulatedCoder], project_id: int, *, total: int = 0, progress: Progress = silent
) -> dict[str, int]:
    """Let the coders work side by side until nothing is left; how many units each of them coded.

    ``total`` is how many codes to expect, for ``progress`` alone. Raises the first coder's ServiceError.
    """
    turn, counting = threading.Lock(), threading.Lock()
    done = 0

    def on_coded() -> None:
        nonlocal done
        with counting:
            done += 1
            progress(done, max(total, done), "units coded by simulated coders")

    coded = dict.fromkeys((coder.email for coder in coders), 0)
    with ThreadPoolExecutor(max_workers=max(len(coders), 1)) as threads:
        while True:
            coding = {
                coder.email: threads.submit(coder.code, project_id, turn=turn, on_coded=on_coded)
                for coder in coders
            }
            last = {email: future.result() for email, future in coding.items()}
            coded = {email: count + last[email] for email, count in coded.items()}
            # A task in another coder's hands is not offered, so look again when all hands are empty.
            if not any(last.values()):
                return coded


def difficulty(unit_id: str) -> float:
    """How hard a unit is to code: a fixed number in [0, 1), uniform over units."""
    return _number(f"difficulty {unit_id}") / 2**64


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
