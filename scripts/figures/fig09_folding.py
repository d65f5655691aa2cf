"""The look of a fold: the paper's Fig. 9.

    python scripts/figures/fig09_folding.py

Writes figures/fig09-folding.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig09-folding")

if __name__ == "__main__":
    main()
