"""Pages to look at: self-contained HTML files that open offline.

Open `report` first, then `static/report.js`; `atlas` is the page of many networks, `explorer` that of `diffstab
explore`. The room imports store, results, perturbations, models, data, fields, statistics, streams, options and the
ground floor.
"""

from .atlas import atlas_page
from .explorer import Picture, explorer_page, picture_of
from .report import report_page, results_page
