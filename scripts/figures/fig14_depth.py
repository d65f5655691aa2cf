"""R_f of every layer against its relative depth: the paper's Fig. 14.

    python scripts/figures/fig14_depth.py --run

Writes figures/fig14-depth.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig14-depth")

if __name__ == "__main__":
    main()
