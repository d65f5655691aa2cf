"""D, G and R of a network's layers, beside those of its output.

Open `observe` first, the hooks; `names` says which layers are meant, `gather` adds up batches, `profile` makes
results.
"""
