"""What a layer looks like."""
