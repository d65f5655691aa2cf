"""The figures and tables of the paper and of its authors' lectures, those that are alike in a file.

Open `catalogue` first: it names each figure, the function that draws it, and the sweep in `presets` that it needs.
Functions that draw from `rows` and `filters` take what `FigureKind.draw` takes.
"""
