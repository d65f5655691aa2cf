"""What data sets are fetched from in tests."""

import io
import urllib.error


class Network:
    """Answers what urllib asks for from `files`; otherwise there is no route to the host."""

    def __init__(self):
        self.files, self.asked = {}, []

    def __call__(self, request, *_, **__):
        print("Downloading")  # as older versions of torchvision do
        self.asked.append(request.full_url)
        content = self.files.get(request.full_url.rpartition("/")[2])
        if content is None:
            raise urllib.error.URLError("no route\nto host")
        answer = io.BytesIO(content)
        answer.url, answer.length = request.full_url, len(content)
        return answer
