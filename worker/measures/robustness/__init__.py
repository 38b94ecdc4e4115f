"""How well a model answers when its inputs are not what it was trained on."""
