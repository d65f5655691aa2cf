"""Measures D, G and R of a network's layers, besides those of its output.

Open `observe` first, which has the hooks. `names` finds the layers that the user chose, `gather` adds up batches,
`profile` makes results.
"""
