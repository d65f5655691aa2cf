"""delta and the largest Xi against their asymptotic laws: the paper's Fig. 8.

    python scripts/figures/fig08_asymptotics.py

Writes figures/fig08-asymptotics.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig08-asymptotics")

if __name__ == "__main__":
    main()
