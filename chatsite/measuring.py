"""Whether a process is measured. Only one that is imports `metrics`, and prometheus_client with it."""

from django.conf import settings


def begin_measuring(address: tuple[str, int] | None) -> None:
    """Count from now on and serve the figures at `address`, if there is one."""
    if address:
        from chatsite.metrics import serve

        serve(*address)


def watch_loop() -> None:
    """Measure the running event loop, if this process is measured."""
    if settings.METRICS:
        from chatsite.metrics import TICKING

        TICKING.ensure()
