"""What the weights look like."""
