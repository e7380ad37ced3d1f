"""What Prometheus would read from a process."""

import urllib.request
from collections import Counter

from prometheus_client.parser import text_string_to_metric_families


class Scraped:
    """All samples at one moment, of the process that serves them at `address`."""

    def __init__(self, address: str) -> None:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
            text = response.read().decode()
        self.samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Of all samples of that name with these labels; 0 when there is none."""
        return sum(
            sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    def by(self, name: str, *labels: str) -> Counter[tuple[str, ...]]:
        """The samples of that name that are not zero, by the values of these labels."""
        found: Counter[tuple[str, ...]] = Counter()
        for sample in self.samples:
            if sample.name == name and sample.value:
                found[tuple(sample.labels[label] for label in labels)] += sample.value  # type: ignore[assignment]
        return found
