"""What the figures share: house style, axes, lines with intervals, names beside points, files.

Open `style` first, then `lines` and `axes`.
"""

from .files import stem_of, table_csv, write_files
