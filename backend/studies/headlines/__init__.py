"""The answer to a study's question in a few sentences, ahead of its tests."""
