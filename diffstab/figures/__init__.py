"""Figures of measured networks: rows of a store become points, points become pictures.

Open `paper/catalogue` first, the figures by name. `points` takes rows and gives points, without matplotlib; `drawing`
has what figures share, in the house style; `paper` has the figures, those that are alike in a file. The room imports
experiments, store, results, models, data, fields, statistics, options, streams and the ground floor.
"""

from .paper.catalogue import FIGURES, NAMES, PRESETS, FigureKind, figure_named, require_matplotlib, sweep_file
