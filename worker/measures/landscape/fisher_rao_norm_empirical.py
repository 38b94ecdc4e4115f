"""The label-based form of the Fisher-Rao norm."""

import torch
from torch import nn

from kinscape.backend.contracts.cards import Change
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card


def depth_of(module: nn.Module) -> int:
    """Number of linear and convolutional layers."""
    return sum(isinstance(m, nn.Linear | nn.modules.conv._ConvNd) for m in module.modules())


@measure(
    minimum_card(
        slug="fisher-rao-norm-empirical",
        title="Fisher-Rao norm, empirical",
        formula=r"D\,\sqrt{\tfrac1N\textstyle\sum_i \big(\langle p_i, z_i\rangle - z_{i,y_i}\big)^2}",
        low=0.0,
        high=None,
        ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
        needs_labels=True,
        reliable_from="200 samples",
        pitfalls="D is the number of linear and convolutional layers, reported with the value: code that fixes it "
        "for one network is off by a factor on others. Equals the norm of the empirical Fisher matrix only "
        "without biases and norm layers.",
        source="Liang et al. 2019, theorem 3.1, for cross-entropy",
        tolerance=1e-5,
    ),
)
def fisher_rao_norm_empirical(subject: Subject) -> Measurement:
    """How much the loss of the labels depends on the scale of the logits, times the depth."""
    depth = depth_of(subject.module)
    parts = []
    with torch.no_grad():
        for start in range(0, subject.samples, subject.chunk):
            rows = slice(start, start + subject.chunk)
            logits = subject.logits(subject.weights, subject.x[rows]).double()
            right = logits.gather(1, subject.y[rows, None])[:, 0]
            parts.append(((logits.softmax(1) * logits).sum(1) - right).square())
    samples = torch.cat(parts).cpu()
    left = group_means(samples, subject)
    return Measurement(
        depth * float(samples.mean().sqrt()), None if left is None else depth * left.sqrt(), notes={"depth": depth}
    )
