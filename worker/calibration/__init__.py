"""The mathematics behind measures of calibration."""
