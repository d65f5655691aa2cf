"""Test error against D_f, G_f and R_f by data set: the paper's Fig. 20.

    python scripts/figures/fig20_datasets.py --run

Writes figures/fig20-datasets.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig20-datasets")

if __name__ == "__main__":
    main()
