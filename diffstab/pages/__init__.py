"""Pages to look at: self-contained HTML files that open offline.

Open `report` first, then `static/report.js`; `explorer` is the page of `diffstab explore`. The room imports store,
results, perturbations, data, fields, statistics, streams, options and the ground floor.
"""

from .explorer import Picture, explorer_page, picture_of
from .report import report_page, results_page
