"""New weights from old ones: pruned, quantised, reset, drawn again, averaged."""
