"""Whether the first layer is made of few frequencies."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Change, Parameter
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.weights.family import matrices_card
from kinscape.worker.spectra.layers import every_matrix, layer_name

# With fewer inputs there are no two frequencies to tell apart.
FEWEST_INPUTS = 4


def participation(signals: Tensor) -> Tensor:
    """Inverse participation ratio of the Fourier transform of each row, without its mean, ``(rows,)``."""
    power = torch.fft.rfft(signals, dim=1)[:, 1:].abs().square()
    total = power.sum(1)
    if not bool((total > 0).any()):
        raise Undefined("The first matrix is constant along its inputs, so it has no frequencies.")
    power = power[total > 0]
    return power.square().sum(1) / power.sum(1).square()


@measure(
    matrices_card(
        slug="fourier-ipr",
        title="Inverse participation ratio of frequencies",
        formula=r"\mathrm{mean}_k \frac{\sum_f |\hat w_k(f)|^4}{\big(\sum_f |\hat w_k(f)|^2\big)^2},\quad f \ge 1",
        low=0.0,
        high=1.0,
        ignores={Change.SCALE_WEIGHTS},
        reliable_from="tasks whose inputs are numbers modulo p, one unit for each",
        pitfalls="Means something where neighbouring inputs are neighbouring numbers, as in modular arithmetic: "
        "there it "
        "rises from about 2/p to 1 when a network groks. Of other networks it is a number without meaning.",
        source="Gromov 2023, section 3; inverse participation ratio over frequencies, mean over units",
        parameters=(
            Parameter(
                name="parts",
                default=1,
                minimum=1,
                maximum=16,
                help="Numbers that enter side by side, such as 2 for two operands.",
            ),
            Parameter(
                name="inputs",
                default="columns",
                choices=("columns", "rows"),
                help="Where the inputs are: columns of a linear layer, rows of an embedding.",
            ),
        ),
    ),
    prepare=every_matrix,
)
def fourier_ipr(weights: dict[str, Tensor], *, parts: int, inputs: str) -> Measurement:
    """How few frequencies each unit of the first layer is made of, mean over units."""
    if not weights:
        raise Undefined("There is no matrix among the weights.")
    name, first = next(iter(weights.items()))
    signals = first if inputs == "columns" else first.T
    width, rest = divmod(signals.shape[1], parts)
    if rest or width < FEWEST_INPUTS:
        raise Undefined(f"The first matrix has {signals.shape[1]} inputs, which are not {parts} times four or more.")
    found = participation(signals.reshape(-1, width))
    return Measurement(float(found.mean()), notes={"layer": layer_name(name), "inputs": width})
