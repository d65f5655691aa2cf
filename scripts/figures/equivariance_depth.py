"""D_f, E_f and G_f of every layer: where maps move along with the image, before and after training.

    python scripts/figures/equivariance_depth.py --run

Writes figures/equivariance-depth.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("equivariance-depth")

if __name__ == "__main__":
    main()
