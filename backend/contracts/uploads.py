"""What a finished upload says about itself (the metadata of a tus upload)."""

import enum


class UploadKind(enum.StrEnum):
    """What an uploaded file is meant to be."""

    CHECKPOINT = "checkpoint"
    PROBE = "probe"


class State(enum.StrEnum):
    """Where an uploaded file is on its way."""

    INSPECTING = "inspecting"
    UNCONFIRMED = "unconfirmed"
    READY = "ready"
    REFUSED = "refused"
