"""Test error against R_f over delta and cutoff: the paper's Fig. 21.

    python scripts/figures/fig21_deformations.py --run

Writes figures/fig21-deformations.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig21-deformations")

if __name__ == "__main__":
    main()
