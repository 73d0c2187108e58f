"""How far the builds on the platform's side are."""

from threading import Lock


class Builds:
    """Let a build take some questions; safe to use from many threads."""

    def __init__(self, questions: int) -> None:
        """Let each build be ready when it has been asked for `questions` times."""
        self._questions = questions
        self._left: dict[str, int] = {}
        self._lock = Lock()

    def start(self, app_id: str) -> None:
        """Begin a build; an app has one at a time."""
        with self._lock:
            self._left[app_id] = self._questions

    def is_ready(self, app_id: str) -> bool:
        """Tell whether an app's build is ready; one that never began is not."""
        with self._lock:
            left = self._left.get(app_id, 1)
            self._left[app_id] = max(left - 1, 0)
            return left == 0
