"""Workloads that are run for us and for a peer in turn, and the line that is printed for each."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import threadpoolctl
import torch

Values = Callable[[], Any]
# Threads of a library go on turning for a while after its work, and would slow the one whose turn is next.
PAUSE_S = 0.2
HEAD = (
    "| workload | peer | ours, s | theirs, s | ratio | promised | | largest difference |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Case:
    """One workload for us and for one peer.

    Attributes:
        at_least: smallest ratio of their time to ours that we promise; below 1 allows us to be slower.
        share: part of the peer's work that is run; its time is divided by it.
        compared: the values that should agree, ours and theirs.
        told: what else to say of the two values.
    """

    name: str
    peer: str
    ours: Values
    theirs: Values
    at_least: float | None = None
    share: float = 1.0
    compared: Callable[[Any, Any], float] | None = None
    turns: int = 3
    told: Callable[[Any, Any], str] | None = None


def _timed(call: Values, threads: int) -> tuple[Any, float]:
    if threads > 1:
        time.sleep(PAUSE_S)
    # Some libraries change the number for everybody when they are imported.
    with threadpoolctl.threadpool_limits(threads):
        torch.set_num_threads(threads)
        began = time.perf_counter()
        found = call()
        return found, time.perf_counter() - began


def run(case: Case, *, threads: int) -> str:
    """One line of the table; every library is held to so many threads."""
    mine, yours, found = [], [], (None, None)
    for _ in range(case.turns):
        theirs, seconds = _timed(case.theirs, threads)
        yours.append(seconds / case.share)
        ours, seconds = _timed(case.ours, threads)
        mine.append(seconds)
        found = (ours, theirs)
    ratio = median(y / m for y, m in zip(yours, mine, strict=True))
    told = "" if case.at_least is None else f"{case.at_least:.2f}"
    verdict = "" if case.at_least is None else ("met" if ratio >= case.at_least else "MISSED")
    gap = "" if case.compared is None else f"{case.compared(*found):.1e}"
    if case.told is not None:
        gap = f"{gap} {case.told(*found)}".strip()
    return (
        f"| {case.name} | {case.peer} | {median(mine):.4f} | {median(yours):.4f} | {ratio:.2f} | {told} "
        f"| {verdict} | {gap} |"
    )
