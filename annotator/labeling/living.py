"""Whether the process that left a mark in a shared file still lives."""

import os

import psutil

Mark = tuple[int, float]
"""A process id and when that process began (epoch): ids are used again."""


def mark() -> Mark:
    """That of this process."""
    process = os.getpid()
    return process, psutil.Process(process).create_time()


def is_alive(process: int, started: float) -> bool:
    """Whether the marked process is still there.

    >>> is_alive(*mark())
    True
    >>> is_alive(mark()[0], 0.0)
    False
    """
    try:
        return abs(psutil.Process(process).create_time() - started) < 1.0
    except psutil.Error:
        return False
