"""R_f against the number of training images of MNIST: the paper's Fig. 13, a and b.

    python scripts/figures/fig13_mnist.py --run

Writes figures/fig13-mnist.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig13-mnist")

if __name__ == "__main__":
    main()
