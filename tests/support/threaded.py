"""Work in several threads at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

THREADS = 8


def together(work, items):
    """What `work` gives for each item; threads begin at once."""
    begin = threading.Barrier(THREADS)

    def first():
        begin.wait(60)

    with ThreadPoolExecutor(THREADS) as pool:
        for wait in [pool.submit(first) for _ in range(THREADS)]:
            wait.result(60)
        return list(pool.map(work, items, timeout=300))
