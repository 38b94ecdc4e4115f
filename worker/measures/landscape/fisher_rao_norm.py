"""The Fisher-Rao norm."""

import torch

from backend.contracts.cards import Arity, Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.inputs import Subject
from worker.measures.landscape.hessian_trace import all_weights, logit_slopes
from worker.measures.measure import Reading, measure
from worker.measures.uncertainty import leave_one_out_means


@measure(
    slug="fisher-rao-norm",
    title="Fisher-Rao norm",
    family=Family.LANDSCAPE,
    question=Question.MINIMUM,
    arity=Arity.MODEL,
    formula=r"\sqrt{\theta^\top F\,\theta},\quad F = \mathbb{E}_x \mathbb{E}_{y\sim p}\,"
    r"\nabla\ell\,\nabla\ell^\top",
    input=Input.NETWORK,
    bounds=(0.0, None),
    direction=Direction.LOWER_IS_FLATTER,
    ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
    role=Role.TRAIN,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="200 samples",
    pitfalls="Uses the model's own Fisher matrix, not the labels: the label-based norm of some papers is "
    "another number. Follows how confident the model is.",
    source="Liang et al. 2019, definition 2; exact by one forward derivative along the weights",
    tolerance=1e-4,
)
def fisher_rao_norm(subject: Subject) -> Reading:
    """Length of the weights measured by how much the answers depend on them."""
    weights = all_weights(subject)
    parts = []
    for start in range(0, subject.samples, subject.chunk):
        p, slope = logit_slopes(subject, weights, slice(start, start + subject.chunk))
        parts.append((p * slope.square()).sum(1) - (p * slope).sum(1).square())
    samples = torch.cat(parts).clamp_min(0).cpu()
    replicates = None
    if subject.groups:
        means = torch.stack([samples[g].mean() for g in subject.groups])
        replicates = leave_one_out_means(means, subject.groups).sqrt()
    return Reading(float(samples.mean().sqrt()), replicates)
