"""Relative flatness of the last linear layer."""

import torch
from torch import Tensor, nn

from backend.contracts.cards import Arity, Change, Direction, Family, Input, Question, Role, Uncertainty
from worker.measures.inputs import Subject, Undefined
from worker.measures.landscape.sam_sharpness import group_means
from worker.measures.measure import Reading, measure


def last_linear(subject: Subject) -> tuple[Tensor, Tensor, Tensor]:
    """Weight ``(classes, width)``, inputs ``(samples, width)`` and logits of the last linear layer."""
    seen: list[tuple[str, Tensor, Tensor]] = []
    handles = []
    for name, module in subject.module.named_modules():
        if isinstance(module, nn.Linear):

            def keep(_m: nn.Module, inputs: tuple[Tensor, ...], out: Tensor, name: str = name) -> None:
                seen.append((name, inputs[0].detach().clone(), out.detach().clone()))

            handles.append(module.register_forward_hook(keep))
    inputs, outputs = [], []
    weight: Tensor | None = None
    try:
        for start in range(0, subject.samples, subject.chunk):
            seen.clear()
            with torch.no_grad():
                logits = subject.logits(subject.weights, subject.x[start : start + subject.chunk])
            if not seen or seen[-1][2].shape != logits.shape or not torch.equal(seen[-1][2], logits):
                raise Undefined("The network does not end in a linear layer, which relative flatness is about.")
            weight = subject.module.get_submodule(seen[-1][0]).get_parameter("weight").detach()
            inputs.append(seen[-1][1])
            outputs.append(logits)
    finally:
        for handle in handles:
            handle.remove()
    assert weight is not None
    return weight, torch.cat(inputs), torch.cat(outputs)


@measure(
    slug="relative-flatness",
    title="Relative flatness",
    family=Family.LANDSCAPE,
    question=Question.MINIMUM,
    arity=Arity.MODEL,
    formula=r"\sum_{s,s'} \langle w_s, w_{s'}\rangle \operatorname{Tr} H_{s,s'} = "
    r"\tfrac1N\sum_i \lVert\phi_i\rVert^2\big(\textstyle\sum_s p_s G_{ss} - p^\top G p\big),\ G = WW^\top",
    input=Input.NETWORK,
    bounds=(0.0, None),
    direction=Direction.LOWER_IS_FLATTER,
    ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
    role=Role.TRAIN,
    uncertainty=Uncertainty.JACKKNIFE,
    reliable_from="200 samples",
    pitfalls="Looks at the last linear layer only (its bias left out); features are not rescaled first, so a "
    "factor of its own for each unit of the last hidden layer changes it. A mean "
    "over samples: code that sums over batches gives N/batch times as much.",
    source="Petzka et al. 2021, definition 3; closed form for cross-entropy",
    tolerance=1e-4,
)
def relative_flatness(subject: Subject) -> Reading:
    """Curvature of the loss in the last layer, weighed by the size of its weights."""
    weight, features, logits = last_linear(subject)
    gram = weight.double() @ weight.double().T
    p = logits.double().softmax(1)
    spread = p @ gram.diagonal() - ((p @ gram) * p).sum(1)
    samples = (features.double().square().sum(1) * spread.clamp_min(0)).cpu()
    return Reading(float(samples.mean()), group_means(samples, subject))
