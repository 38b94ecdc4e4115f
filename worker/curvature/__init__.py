"""The mathematics behind measures of minima: derivatives, Lanczos, Gauss-Newton, loss on lines and planes."""
