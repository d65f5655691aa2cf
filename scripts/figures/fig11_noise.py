"""G_f against the norm of the noise, and D_f against that of the deformation: the paper's Fig. 11.

    python scripts/figures/fig11_noise.py --run

Writes figures/fig11-noise.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig11-noise")

if __name__ == "__main__":
    main()
