"""Pages to look at: self-contained HTML files that open offline."""

from .explorer import Picture, explorer_page, picture_of
from .report import report_page, results_page

__all__ = ["Picture", "explorer_page", "picture_of", "report_page", "results_page"]
