"""The stripe model: the paper's Fig. 7.

    python scripts/figures/fig07_stripe.py --run

Writes figures/fig07-stripe.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig07-stripe")

if __name__ == "__main__":
    main()
