"""Test error against stability with means in place of medians: the paper's Fig. 17.

    python scripts/figures/fig17_mean.py --run

Writes figures/fig17-mean.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig17-mean")

if __name__ == "__main__":
    main()
