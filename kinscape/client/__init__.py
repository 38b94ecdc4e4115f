"""Talk to a Kinscape server from Python."""

from kinscape.client.checkpoint import Checkpoint
from kinscape.client.client import Client
from kinscape.client.comparison import Comparison
from kinscape.client.http import ClientError
from kinscape.client.project import Project
from kinscape.client.share import Share
from kinscape.client.study import Study
from kinscape.client.tables import PackedMatrix, Table
from kinscape.matrix import Matrix

__all__ = [
    "Checkpoint",
    "Client",
    "ClientError",
    "Comparison",
    "Matrix",
    "PackedMatrix",
    "Project",
    "Share",
    "Study",
    "Table",
]
