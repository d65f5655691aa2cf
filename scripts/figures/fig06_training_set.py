"""G_f, D_f and R_f against the number of training images: the paper's Figs. 6 and 22.

    python scripts/figures/fig06_training_set.py --run

Writes figures/fig06-training-set.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig06-training-set")

if __name__ == "__main__":
    main()
