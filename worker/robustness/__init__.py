"""Perturbed samples: attacks and corruptions."""
