"""R_f against the number of training images of FashionMNIST: the paper's Fig. 13, c and d.

    python scripts/figures/fig13_fashionmnist.py --run

Writes figures/fig13-fashionmnist.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig13-fashionmnist")

if __name__ == "__main__":
    main()
