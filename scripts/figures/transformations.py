"""R_f under translations, rotations and changes of scale, beside diffeomorphisms.

    python scripts/figures/transformations.py --run

Writes figures/transformations.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("transformations")

if __name__ == "__main__":
    main()
