"""One file for each kind of study; dropping one in makes it available everywhere."""
