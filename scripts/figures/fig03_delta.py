"""R_f against the displacement delta, before and after training: the paper's Figs. 3 (left) and 4.

    python scripts/figures/fig03_delta.py --run

Writes figures/fig03-delta.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig03-delta")

if __name__ == "__main__":
    main()
