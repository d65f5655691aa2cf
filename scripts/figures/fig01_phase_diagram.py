"""The (T, c) plane with deformed samples: the paper's Fig. 1.

    python scripts/figures/fig01_phase_diagram.py

Writes figures/fig01-phase-diagram.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig01-phase-diagram")

if __name__ == "__main__":
    main()
