"""cacheyctl: the fleet from the command line."""

from .main import main

__all__ = ["main"]
