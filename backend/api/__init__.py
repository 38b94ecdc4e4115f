"""HTTP: routes, errors, and the guard in front of everything."""
