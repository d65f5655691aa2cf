"""Fully connected nets through the interpolation threshold: error, R_f and D_f against width.

    python scripts/figures/width.py --run

Writes figures/width.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("width")

if __name__ == "__main__":
    main()
