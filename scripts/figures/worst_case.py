"""R_f under random and worst deformations, over random and worst noise, against their displacement.

    python scripts/figures/worst_case.py --run

Writes figures/worst-case.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("worst-case")

if __name__ == "__main__":
    main()
