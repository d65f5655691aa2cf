"""R_f, D_f and the test error of networks trained for stability, by the penalty's weight, beside augmentations.

    python scripts/figures/penalty.py --run

Writes figures/penalty.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("penalty")

if __name__ == "__main__":
    main()
