"""The shared words: plain pydantic values that every program of Kinscape understands."""
