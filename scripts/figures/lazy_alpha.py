"""Fully connected nets from learning features to lazy training: D_f, R_f and error against alpha.

    python scripts/figures/lazy_alpha.py --run

Writes figures/lazy-alpha.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("lazy-alpha")

if __name__ == "__main__":
    main()
