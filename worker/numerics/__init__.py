"""Products, eigenvalues and threads that every room uses."""
