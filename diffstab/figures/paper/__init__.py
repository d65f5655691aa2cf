"""The figures and tables of the paper and of its authors' lectures, one file each.

Open `catalogue` first: it names each figure, the file that draws it, and the sweep in `presets` whose rows it needs.
Functions that draw from `rows` and `filters` take what `FigureKind.draw` takes.
"""
