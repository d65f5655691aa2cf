"""Both interpolations between pixels: the paper's Fig. 10.

    python scripts/figures/fig10_interpolation.py

Writes figures/fig10-interpolation.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig10-interpolation")

if __name__ == "__main__":
    main()
