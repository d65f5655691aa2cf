"""The Hugging Face hub: its address, whether it answers, and its libraries kept from asking it.

Networks and data sets both need this, so it is no part of `models`.
"""

import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CONNECT_SECONDS = 3.0


def hub_url() -> str:
    """Address of the hub that weights and data sets come from."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def reachable(*urls: str) -> bool:
    """Returns True if one of the URLs answers within 3 seconds; threads, since name look-ups have no time limit."""
    answered = threading.Event()

    def ask(url: str) -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=CONNECT_SECONDS).close()
            answered.set()
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 407:  # not the answer of a proxy or gateway
                answered.set()
        except (OSError, ValueError):
            pass

    threads = [threading.Thread(target=ask, args=(url,), daemon=True) for url in urls]
    deadline = time.monotonic() + CONNECT_SECONDS
    for thread in threads:
        thread.start()
    while not answered.is_set() and time.monotonic() < deadline and any(thread.is_alive() for thread in threads):
        answered.wait(0.05)
    return answered.is_set()


@contextmanager
def hub_offline(offline: bool) -> Iterator[None]:
    """Takes what is cached without asking the hub, whose library retries for 20 s if it can't be reached."""
    from huggingface_hub import constants

    settings: Any = constants
    before = settings.HF_HUB_OFFLINE
    settings.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        settings.HF_HUB_OFFLINE = before
