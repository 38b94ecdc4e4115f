"""Which measures answer what published methods ask, for the page of measures."""

# Method, where it was published, and the slugs, with what else is needed.
METHODS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (
        "Convergent learning",
        "Li et al. 2016",
        ("unit-matching", "unit-matching-semi", "sparse-prediction", "unit-clusters"),
        "",
    ),
    ("RankMe", "Garrido et al. 2023", ("rankme",), ""),
    ("LoRA against full fine-tuning", "Shuttleworth et al. 2024", ("intruder-dimensions",), "`merge`, `difference`"),
    (
        "Topology and geometry of representations",
        "Lin & Kriegeskorte 2024",
        ("rsa", "rsa-geo-topological", "rsa-geodesic"),
        "",
    ),
    (
        "Linguistic collapse",
        "Wu & Papyan 2024",
        ("nc1-cdnv", "gnc2", "unc3", "nc3-duality", "nc4-agreement"),
        "next tokens as labels",
    ),
    (
        "Neural collapse",
        "Papyan et al. 2020",
        ("nc1-classic", "nc2-equinorm", "nc2-etf", "nc3-duality", "nc4-agreement"),
        "",
    ),
    (
        "Phases of a model zoo",
        "Yang et al. 2021",
        ("train-loss", "linear-cka", "loss-barrier", "bezier-barrier", "hessian-trace", "hessian-top-eigenvalue"),
        "study *population*",
    ),
    ("Iterative feature merging", "Chen et al. 2024", ("feature-complexity",), ""),
    ("Functional dimension", "Grigsby et al. 2022", ("functional-dimension",), ""),
    ("Telescoping model", "Jeffares et al. 2024", ("linearisation-error",), "over training, to the step before"),
    ("Lottery ticket", "Frankle & Carbin 2019", ("mask-iou", "sparsity", "distance-from-init"), "`prune`"),
    ("Stability of training", "Frankle et al. 2020", ("loss-barrier",), "between siblings of one start"),
    ("Rethinking pruning", "Liu et al. 2019", ("accuracy", "sparsity", "forward-flops"), "study *good prune*, `prune`"),
    ("Pruning spaces", "He et al. 2023", ("forward-flops", "accuracy"), "scatter: distribution of accuracy"),
    ("Design spaces", "Radosavovic et al. 2020", ("accuracy", "forward-flops"), "scatter: distribution of accuracy"),
    ("Data diet", "Paul et al. 2021", ("el2n", "grand", "hardest-overlap"), ""),
    ("Grokking modular addition", "Doshi et al. 2024", ("fourier-ipr",), "study *grokking*"),
    (
        "Lazy to rich",
        "Kumar et al. 2024",
        ("tangent-kernel-similarity", "tangent-kernel-label-alignment"),
        "over training, to the start",
    ),
    ("Universality of circuits", "Chughtai et al. 2023", ("fourier-ipr", "unit-matching", "linear-cka"), ""),
    (
        "Connectivity and laziness",
        "Liu et al. 2024",
        ("distance-from-init", "linear-cka", "tangent-kernel-similarity"),
        "over training, to the start",
    ),
    (
        "Structure of tasks",
        "Bernardi et al. 2020",
        ("input-alignment", "label-alignment", "parallelism-score", "ccgp"),
        "",
    ),
    ("Opposing signals", "Rosenfeld & Risteski 2024", ("hessian-top-eigenvalue", "hardest-overlap"), "over training"),
    ("Train longer", "Hoffer et al. 2017", ("weight-l2", "distance-from-init"), "over training, logarithmic steps"),
    ("Stitching", "Bansal et al. 2021", ("stitching-accuracy",), ""),
    ("Unlearning of sparse networks", "Jia et al. 2023", ("accuracy", "membership-auc"), "forget set as probe set"),
    ("Low-rank networks", "Horvath et al. 2024", ("effective-rank", "stable-rank"), ""),
)


def methods_table() -> str:
    """The table as Markdown."""
    lines = [
        "\n## Methods from papers\n",
        "Which measures answer what a paper asks; *over training* and *scatter* are tabs of a comparison.\n",
        "| method | source | measures | with |",
        "|---|---|---|---|",
    ]
    for method, source, slugs, also in METHODS:
        lines.append(f"| {method} | {source} | {', '.join(f'`{slug}`' for slug in slugs)} | {also} |")
    return "\n".join(lines) + "\n"
