"""Test error against R_f for training sets of several sizes: the paper's Fig. 18.

    python scripts/figures/fig18_sizes.py --run

Writes figures/fig18-sizes.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig18-sizes")

if __name__ == "__main__":
    main()
