"""R_f by data set, network and cutoff: the paper's Figs. 3 (centre) and 4 (top).

    python scripts/figures/fig03_datasets.py --run

Writes figures/fig03-datasets.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig03-datasets")

if __name__ == "__main__":
    main()
