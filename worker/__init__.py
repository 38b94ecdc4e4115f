"""Celery workers: turn checkpoints into networks and networks into cells."""
