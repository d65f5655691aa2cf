"""Parts that all figures share: house style, colours and markers, axes, lines with intervals, labels, files.

Open `style` first, then `codes`, `lines` and `axes`.
"""

from .files import stem_of, table_csv, write_files
