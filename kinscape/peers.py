"""What other libraries compute on the same tensors, for the page of measures."""

PEERS = """
## Other libraries

Checked on the same tensors (N = 200, widths 32 and 20, float64; and once more with 30 standard
deviations added to every feature in float32). `python -m benchmarks.similarity` compares speed and
values again on any machine, `python -m benchmarks.landscape` those of curvature, surfaces and spectra of weights.

These agree with the measures above to 1e-9 or better in float64: pytorch-cka 1.1.3, ckatorch 1.0.3
(`cka_base`) and cka-pytorch 1.1.3 (`hsic1`) for linear CKA; repsim 0.1.5 (`gretton`) for biased and RBF CKA;
rsatoolbox 0.3.2 for RSA; dcor 0.7 for distance correlation; POT 0.9.7 for soft matching; lm-sim 0.1.1 for
error consistency and CAPA; scikit-learn 1.9 for kappa and leave-one-out regression; scipy 1.17 for
everything it has; weightwatcher 0.7.7 for power-law exponents. To 1e-7: PyHessian 0.1, hessian-eigenthings
1.0.0a5 and curvlinops 3.0.1 for Hessian products of networks without norm layers. To the digits at hand:
BackPACK 1.7.1 for the trace (30.69439), scikit-dimension 0.5.0 for TwoNN (11.47028) and the iterative CCA of
scikit-learn (1e-4).

What we saw go wrong, so that a difference is no surprise:

| library | what | number |
|---|---|---|
| pytorch-cka | negative values become 0 | 48 % of independent pairs at N = 32, D = 64 are exactly 0 |
| pytorch-cka, cka-pytorch, torch-cka | float32, mean/std = 30 | off by 0.28, 0.69 and 1.3 |
| cka-pytorch | 1e-4 is added to the denominator | features times 0.001 score 6e-7 |
| torch-cka | float64 input | refused |
| ckatorch | its `CKA` class keeps the last batch only | 0.03 or 0.79 by the order of the batches |
| ckatorch | RBF median includes the zeros of the diagonal | 3e-5 off at N = 200 |
| repsim | `song` and `lange` divide by the biased norm | self-similarity 0.957 |
| repsim | `svcca` truncates nothing | equals full CCA |
| reference benchmark of 2025 | SVCCA keeps one component | 0.501 for 0.600 |
| reference benchmark of 2025, and the code it copies | PWCCA: first argument wider than the second | IndexError |
| the same | PWCCA after permuting the second layer's units | 0.8142 becomes 0.8138 |
| platonic-rep | CKNNA after swapping the layers | 2e-4 |
| platonic-rep | SVCCA | another value at every call |
| torchmetrics 1.9 | calibration error: a bin of its own for confidence 1 | 0.125 for 0.075 |
| relplot 1.0.3 | the same | 0.125 for 0.075 |
| torchmetrics 1.9 | logits that all lie between 0 and 1 count as probabilities | 0.150 for 0.505 |
| curvlinops 3.0.1 | Hessian products through an affine LayerNorm | off by 3.5 to 6 %, not symmetric |
| PyHessian 0.1 | `trace` stops when its running mean stands still, or is negative | -53 to 248 for 188 |
| PyHessian 0.1 | `density` | raises: it calls what torch no longer has |
| PyHessian 0.1 | a second object for the same model | the gradients, and so the values, are twice as large |
| hessian-eigenthings 1.0.0a5 | `lanczos` with more than 50 steps | the largest eigenvalue five times |
| hessian-eigenthings 1.0.0a5 | batches of unequal size | 64 % off for 48 and 16 samples |
| loss-landscapes 3.0.6 | an odd number of steps | the network itself is never evaluated |
| loss-landscapes 3.0.6 | by default | the model stays displaced by 0.71 of its length |
| pylandscape 0.1.3 | `random_surface` | perfectly flat: the step is never applied |
| weightwatcher 0.7.7 | eigenvalues of kernels are halved | log norms differ by log10 2 |
| lm-sim | perfect models | NaN |
| deep-reps 0.0.6 | linear CKA | 1.10 |
"""
