"""How long missing cells take: as long as such cells took here, else as in the demo zoo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.contracts.cards import Arity, Card, Input, Pace
from kinscape.backend.contracts.cell_arrays import Ints
from kinscape.backend.store import timings
from kinscape.backend.store.questions import Question
from kinscape.backend.store.tables import CheckpointRow, ProbeRow

# Means over the demo zoo on one core, until a measure was timed here.
SECONDS_PER_CELL = {Pace.PRODUCT: 0.002, Pace.PAIR: 0.01, Pace.PATH: 0.12}
SECONDS_PER_MODEL = {Input.OUTPUTS: 0.02, Input.WEIGHTS: 0.05, Input.FEATURES: 0.05, Input.NETWORK: 1.0}
SECONDS_PER_PASS = 0.1
# The networks and samples of the zoo, to which those times belong.
ZOO_PARAMETERS = 20_000
ZOO_SAMPLES = 500


@dataclass(frozen=True)
class Costs:
    """What cells of these checkpoints on these probe sets cost.

    Attributes:
        parameters: of each checkpoint, by number.
        samples: of each probe set, by number.
        rates: seconds for each unit of work, by key, of what was timed here.
    """

    parameters: dict[int, float]
    samples: dict[int, int]
    rates: dict[str, float]

    @classmethod
    def of(
        cls,
        session: Session,
        models: Sequence[CheckpointRow],
        probes: Sequence[ProbeRow],
        questions: Sequence[Question],
    ) -> "Costs":
        """Of what is asked for."""
        keys = [timings.key_of(q.slug, q.parameters) for q in questions]
        return cls(
            {m.id: timings.parameters_of(m) for m in models},
            {p.id: p.facts.samples or ZOO_SAMPLES for p in probes},
            timings.rates(session, keys),
        )

    def seconds(self, question: Question, card: Card, a: Ints, b: Ints) -> float:
        """How long these cells take on one worker."""
        if not len(a):
            return 0.0
        samples = self.samples.get(question.probe_id or 0, ZOO_SAMPLES)
        sizes = np.array([self.parameters.get(i, ZOO_PARAMETERS) for i in np.unique([a, b]).tolist()])
        mean = float(sizes.mean())
        work = timings.work_of(card.input, samples=samples, parameters=mean)
        rate = self.rates.get(timings.key_of(question.slug, question.parameters))
        if rate is not None:
            return rate * work * len(a)
        usual = SECONDS_PER_MODEL[card.input] if card.arity is Arity.MODEL else SECONDS_PER_CELL[card.pace]
        zoo = timings.work_of(card.input, samples=ZOO_SAMPLES, parameters=ZOO_PARAMETERS)
        return usual * max(1.0, work / zoo) * len(a)
