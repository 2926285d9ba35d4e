"""igent matches households to suppliers after a collective-purchase auction, and proves every match."""

from igent.errors import IgentError

__all__ = ["IgentError", "__version__"]

__version__ = "0.2.0"
