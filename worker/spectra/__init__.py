"""The mathematics behind measures of weights: spectra, power laws, pruning."""
