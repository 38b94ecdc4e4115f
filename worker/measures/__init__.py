"""Every measure, one file each: pure functions of tensors and the cards that describe them."""
