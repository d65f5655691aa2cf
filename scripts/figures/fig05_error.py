"""Test error against R_f, D_f and 1/G_f: the paper's Figs. 5, 15, 16 and 19.

    python scripts/figures/fig05_error.py --run

Writes figures/fig05-error.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig05-error")

if __name__ == "__main__":
    main()
