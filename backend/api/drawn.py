"""Matrices and tables ready to be sent to browsers, kept while nothing of them changes."""

import hashlib
from collections.abc import Callable
from threading import Lock

from cachetools import LRUCache
from sqlalchemy.orm import Session

from kinscape.backend.actions import exports, matrices, model_tables
from kinscape.backend.actions.measures import AskedQuestion
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.matrices import Reading
from kinscape.backend.store import cards, checkpoints, comparisons, questions
from kinscape.backend.store import matrices as stored

# Forty matrices of 500 checkpoints as float32, ten as archives.
CACHE_BYTES = 64 << 20


class DrawnMatrices:
    """Encoded matrices by what they were made of; reading one again is two short queries."""

    def __init__(self) -> None:
        self._encoded: LRUCache[str, bytes] = LRUCache(CACHE_BYTES, getsizeof=len)
        self._lock = Lock()

    def tag(self, session: Session, asked: AskedQuestion, reading: Reading) -> str:
        """What changes with anything that such a matrix shows; empty where it depends on more than its cells.

        Standard deviations from independent seeds depend on groups and lineages too.
        """
        if reading is Reading.AGAINST_SEEDS:
            return ""
        own = [asked.question.id, *([asked.mirror.id] if asked.mirror is not None else [])]
        order = questions.order(session, asked.comparison.id, asked.question.id)
        parts = (
            asked.comparison.id,
            asked.comparison.version,
            asked.comparison.state,
            own,
            asked.name,
            asked.ids,
            asked.labels,
            asked.card.model_dump_json(),
            reading,
            stored.stamp(session, own, asked.ids),
            None if order is None else order.positions,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def read(self, session: Session, asked: AskedQuestion, reading: Reading, seeds: str | None, tag: str) -> bytes:
        """The matrix as float32 (``exports.as_float32``)."""

        def make() -> bytes:
            whole = matrices.matrix(session, asked, reading=reading, seeds=seeds)
            is_triangle = asked.card.arity is Arity.PAIR and asked.card.symmetric and asked.has_one_layer
            return exports.as_float32(whole, is_triangle=is_triangle)

        return self._kept(tag, make) if tag else make()

    def read_npz(self, session: Session, asked: AskedQuestion, reading: Reading, seeds: str | None) -> bytes:
        """The matrix as a numpy archive (``exports.as_npz``)."""
        tag = self.tag(session, asked, reading)

        def make() -> bytes:
            return exports.as_npz(matrices.matrix(session, asked, reading=reading, seeds=seeds))

        return self._kept(f"npz {tag}", make) if tag else make()

    def models(self, session: Session, comparison: int) -> bytes:
        """The table of all measures of single models, as JSON."""
        row = comparisons.get(session, comparison)
        asked = [(n, q) for n, q in questions.of_comparison(session, comparison) if q.arity is Arity.MODEL]
        ids = row.specification.checkpoints
        parts = (
            comparison,
            row.version,
            row.state,
            [(name, question.id) for name, question in asked],
            sorted(checkpoints.names(session, ids).items()),
            cards.stamp(session, {question.slug for _, question in asked}),
            stored.stamp(session, [question.id for _, question in asked], ids),
        )
        tag = f"models {hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"
        return self._kept(tag, lambda: model_tables.models(session, comparison).model_dump_json().encode())

    def _kept(self, tag: str, make: Callable[[], bytes]) -> bytes:
        with self._lock:
            there = self._encoded.get(tag)
        if there is not None:
            return there
        body = make()
        if len(body) <= CACHE_BYTES:
            with self._lock:
                self._encoded[tag] = body
        return body
