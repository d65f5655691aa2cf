"""Pages to look at: self-contained HTML files that open offline."""

from .explorer import Picture, explorer_page, picture_of

__all__ = ["Picture", "explorer_page", "picture_of"]
