"""R_f, D_f, G_f and the error while networks learn.

    python scripts/figures/learning.py --run

Writes figures/learning.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("learning")

if __name__ == "__main__":
    main()
