"""Deformations and noise of one norm around an image: the paper's Fig. 2.

    python scripts/figures/fig02_sphere.py

Writes figures/fig02-sphere.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig02-sphere")

if __name__ == "__main__":
    main()
