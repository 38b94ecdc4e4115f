"""The FastAPI service: what Kinscape stores, and what a user can do with it."""
