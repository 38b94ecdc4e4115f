"""What a project holds twice: equal files, shared tensors, steps of runs that are not what their names say."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.contracts.checkpoints import Level
from kinscape.backend.contracts.fingerprints import (
    HASH_BYTES,
    Fingerprint,
    Repeats,
    SameWeights,
    SharedTensors,
    StraySteps,
)
from kinscape.backend.contracts.jobs import Fingerprint as FingerprintJob
from kinscape.backend.contracts.uploads import State
from kinscape.backend.contracts.words import listed
from kinscape.backend.statistics import sameness
from kinscape.backend.store import checkpoints, fingerprints, jobs, projects
from kinscape.backend.store.tables import CheckpointRow

# Less is a head, or embeddings, that two networks happen to have from one source.
LEAST_SHARE = 0.5
MOST_NAMED = 8
# Distances of sketches are known to a tenth; of two steps nothing can be said.
FEWEST_STEPS = 3
AT_A_TIME = 50


def of_project(session: Session, project: int) -> Repeats:
    """All that was found in a project's checkpoints."""
    projects.get(session, project)
    known = fingerprints.of_project(session, project)
    every = [r for r in checkpoints.of_project(session, project).rows if r.state is State.READY]
    rows = sorted((r for r in every if r.id in known), key=lambda r: r.id)
    same = _equal(rows, known)
    unread = sum(r.id not in known and r.level is not Level.RECORDED for r in every)
    return Repeats(
        # Steps of one run are told as its steps.
        same=[_same(group) for group in same if len({r.run or r.id for r in group}) > 1],
        shared=list(_shared(_first_of_each(rows, same), known)),
        strays=[s for run in _runs(rows) for s in _strays(run, known)],
        unread=unread,
    )


def queue_unread(session: Session) -> int:
    """Have the tensors hashed of checkpoints that came before tensors were hashed; how many are begun."""
    wanted = fingerprints.missing(session, most=AT_A_TIME)
    jobs.add_all(session, [FingerprintJob(checkpoint=id) for id in wanted], comparisons=[])
    return len(wanted)


def _equal(rows: Sequence[CheckpointRow], known: dict[int, Fingerprint]) -> list[list[CheckpointRow]]:
    groups: dict[tuple[int, ...], list[CheckpointRow]] = defaultdict(list)
    for row in rows:
        # Names of tensors differ between a file and its program; their order may with them.
        groups[tuple(sorted(_hashes(known[row.id]).tolist()))].append(row)
    return [group for group in groups.values() if len(group) > 1]


def _first_of_each(rows: list[CheckpointRow], same: list[list[CheckpointRow]]) -> list[CheckpointRow]:
    """Checkpoints without those that are equal to an earlier one, which are told as such."""
    repeated = {r.id for group in same for r in group[1:]}
    return [r for r in rows if r.id not in repeated]


def _same(group: list[CheckpointRow]) -> SameWeights:
    # Of weights alone no function is known.
    functions = {
        (r.architecture_hash, r.facts.graph, str(r.normalisation), str(r.class_order)) for r in group if r.level.runs
    }
    names = [r.name for r in group]
    sentence = f"{listed(names, most=MOST_NAMED)} hold the same weights"
    if len(functions) > 1:
        sentence += ", and are not the same function: their architectures, programs or normalisations differ"
    return SameWeights(checkpoints=names, same_function=len(functions) < 2, sentence=f"{sentence}.")


def _shared(rows: Sequence[CheckpointRow], known: dict[int, Fingerprint]) -> Iterator[SharedTensors]:
    if len(rows) < 2:
        return
    hashes = [_hashes(known[r.id]) for r in rows]
    sizes = [np.array([np.prod(r.facts.shapes[n], dtype=float) for n in sorted(r.facts.shapes)]) for r in rows]
    fitting = [k for k, (h, s) in enumerate(zip(hashes, sizes, strict=True)) if len(h) == len(s)]
    # Of two the later one is told.
    part = np.tril(sameness.shares([hashes[k] for k in fitting], [sizes[k] for k in fitting]), -1)
    for place, k in enumerate(fitting):
        best = int(part[place].argmax())
        if part[place, best] < LEAST_SHARE:
            continue
        row, other = rows[k], rows[fitting[best]]
        is_equal = np.isin(hashes[k], hashes[fitting[best]])
        names = sorted(row.facts.shapes)
        differing = [n for n, e in zip(names, is_equal, strict=True) if not e]
        yield SharedTensors(
            checkpoint=row.name,
            other=other.name,
            share=float(part[place, best]),
            tensors=len(names),
            equal=int(is_equal.sum()),
            differing=differing[:MOST_NAMED],
            is_related=_first(row) == _first(other) or row.init_of_id == other.id or other.init_of_id == row.id,
            sentence=_shared_words(row.name, other.name, names, differing, part=float(part[place, best])),
        )


def _shared_words(name: str, other: str, names: list[str], differing: list[str], *, part: float) -> str:
    if not differing:
        return f"Every tensor of {name} stands in {other} as it is."
    verb = "differs" if len(differing) == 1 else "differ"
    equal = len(names) - len(differing)
    return (
        f"{name} shares {equal} of its {len(names)} tensors, {part:.1%} of its values, with {other}; "
        f"{listed(differing, most=3)} {verb}."
    )


def _first(row: CheckpointRow) -> int:
    """The first ancestor; itself where none is known."""
    return row.root_id or row.id


def _runs(rows: Sequence[CheckpointRow]) -> Iterator[list[CheckpointRow]]:
    """Steps of each run in order, of one set of shapes."""
    steps = sorted((r for r in rows if r.run and r.step is not None), key=lambda r: (r.run, r.step))
    for _, run in itertools.groupby(steps, key=lambda r: r.run):
        some = list(run)
        alike = [r for r in some if r.facts.shapes == some[-1].facts.shapes]
        if len(alike) >= FEWEST_STEPS:
            yield alike


def _strays(run: list[CheckpointRow], known: dict[int, Fingerprint]) -> Iterator[StraySteps]:
    groups: dict[bytes, list[CheckpointRow]] = defaultdict(list)
    for row in run:
        groups[known[row.id].hashes].append(row)
    for group in groups.values():
        if len(group) > 1:
            last = group[-1]
            yield _told(
                run,
                group[:-1],
                f"{len(group)} of {len(run)} steps of the run {last.run} hold the same weights: "
                f"{_steps(group[:-1])} and {last.step}.",
            )
    single = [group[-1] for group in groups.values()]
    single.sort(key=lambda r: r.step or 0)
    if len(single) < FEWEST_STEPS:
        return
    sketches = np.array([np.frombuffer(known[r.id].sketch, "<f4") for r in single], np.float64)
    apart, nearly = sameness.strays(sameness.distances(sketches))
    for k in apart:
        neighbours = f"{single[k - 1].step} and {single[k + 1].step}"
        yield _told(
            run,
            [single[k]],
            f"Step {single[k].step} of the run {single[k].run} does not lie between its neighbours: it is further from "
            f"steps {neighbours} than {sameness.MOST_DETOUR:g} times their distance.",
        )
    for k, other in nearly.items():
        yield _told(
            run,
            [single[k]],
            f"Step {single[k].step} of the run {single[k].run} nearly holds the weights of step {single[other].step}.",
        )


def _told(run: list[CheckpointRow], rows: Sequence[CheckpointRow], sentence: str) -> StraySteps:
    return StraySteps(
        run=run[0].run, steps=[r.step or 0 for r in rows], checkpoints=[r.name for r in rows], sentence=sentence
    )


def _steps(rows: Sequence[CheckpointRow]) -> str:
    return ", ".join(str(r.step) for r in rows)


def _hashes(of: Fingerprint) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    return np.frombuffer(of.hashes, f"<u{HASH_BYTES}")
