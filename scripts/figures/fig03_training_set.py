"""R_f against the number of training images: the paper's Figs. 3 (right), 4 (bottom) and 13.

    python scripts/figures/fig03_training_set.py --run

Writes figures/fig03-training-set.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig03-training-set")

if __name__ == "__main__":
    main()
