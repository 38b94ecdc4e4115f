"""The mathematics behind measures of similarity: kernels, neighbours, distances between samples, alignments."""
