"""R_f and D_f under deformations of one shell of modes, against its frequency, before and after training.

    python scripts/figures/spectrum.py --run

Writes figures/spectrum.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("spectrum")

if __name__ == "__main__":
    main()
