"""What Prometheus is told. Labels have few values: routes and not paths, classes and not inputs."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The metrics of one application: a registry of its own, so that two in one process do not mix."""

    def __init__(self, cloud: str, region: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "ml_inference_requests", "Answered requests.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "ml_inference_request_seconds",
            "From the request to the end of its answer.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge("ml_inference_requests_in_flight", "Requests being answered.", registry=self.registry)
        self.predictions = Counter("ml_inference_predictions", "Predicted classes.", ["class"], registry=self.registry)
        self.model = Gauge(
            "ml_inference_model_info", "The model served.", ["name", "version", "sha256"], registry=self.registry
        )
        site = Gauge("ml_inference_site_info", "Where this runs.", ["cloud", "region"], registry=self.registry)
        site.labels(cloud, region).set(1)
