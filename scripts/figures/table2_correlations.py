"""Correlations of the test error with D_f, G_f and R_f: the paper's Table 2.

    python scripts/figures/table2_correlations.py --run

Writes figures/table2-correlations.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("table2-correlations")

if __name__ == "__main__":
    main()
