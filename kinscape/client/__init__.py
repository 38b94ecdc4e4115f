"""Talk to a Kinscape server from Python."""

from kinscape.client.client import Client
from kinscape.client.comparison import Comparison, Matrix, Table
from kinscape.client.http import ClientError
from kinscape.client.project import Project
from kinscape.client.share import Share

__all__ = ["Client", "ClientError", "Comparison", "Matrix", "Project", "Share", "Table"]
