"""OpenTelemetry's Python SDK against a running DataPulse, over HTTP and over gRPC.

URL and TOKEN come from the environment. What was sent is asked for with ES|QL.
"""

import json
import logging
import os
import urllib.request

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

URL, TOKEN = os.environ["URL"], os.environ["TOKEN"]
BEARER = {"authorization": f"Bearer {TOKEN}"}


def ask(query):
    body = json.dumps({"query": query}).encode()
    headers = {"content-type": "application/json", **BEARER}
    request = urllib.request.Request(f"{URL}/_query", body, headers)
    return json.load(urllib.request.urlopen(request))["values"]


def exporters(way, exponential):
    """Spans, logs and metrics: gzipped over HTTP, by metadata over gRPC."""
    preferred = {Histogram: ExponentialBucketHistogramAggregation()} if exponential else None
    if way == "grpc":
        common = {"endpoint": URL, "insecure": True, "headers": tuple(BEARER.items())}
        metrics = GrpcMetrics(preferred_aggregation=preferred, **common)
        return GrpcSpans(**common), GrpcLogs(**common), metrics
    common = {"headers": BEARER, "compression": Compression.Gzip}
    at = lambda signal: {"endpoint": f"{URL}/v1/{signal}", **common}
    metrics = HttpMetrics(preferred_aggregation=preferred, **at("metrics"))
    return HttpSpans(**at("traces")), HttpLogs(**at("logs")), metrics


def send(way, exponential):
    service = f"sdk-{way}"
    resource = Resource.create({"service.name": service})
    spans, logs, metrics = exporters(way, exponential)

    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(spans))
    with tracers.get_tracer("shop").start_as_current_span("GET /cart", kind=SpanKind.SERVER) as span:
        span.set_status(Status(StatusCode.ERROR))

        loggers = LoggerProvider(resource=resource)
        loggers.add_log_record_processor(BatchLogRecordProcessor(logs))
        logger = logging.getLogger(service)
        logger.addHandler(LoggingHandler(logger_provider=loggers))
        logger.error("no stock")

    reader = PeriodicExportingMetricReader(metrics, export_interval_millis=3_600_000)
    meters = MeterProvider(resource=resource, metric_readers=[reader])
    meter = meters.get_meter("shop")
    duration = meter.create_histogram("http.server.request.duration", unit="s")
    orders = meter.create_counter("orders")
    # Nothing is known of the time before a series' first point.
    duration.record(0.1)
    orders.add(1)
    assert reader.force_flush()
    for _ in range(20):
        duration.record(0.25)
        orders.add(2)
    for provider in (tracers, loggers, meters):
        provider.shutdown()


def check(way):
    service = f"sdk-{way}"
    where = f'WHERE service.name == "{service}"'
    rows = ask(f"FROM traces-application | {where} | KEEP span.name, span.kind, event.outcome")
    assert rows == [["GET /cart", "server", "failure"]], rows
    same = "STATS n = COUNT_DISTINCT(trace.id)"
    rows = ask(f"FROM traces-application, logs-application | {where} | {same}")
    assert rows == [[1]], rows
    rows = ask(f"FROM logs-application | {where} | KEEP log.level, message")
    assert rows == [["ERROR", "no stock"]], rows
    told = "STATS SUM(request_count), SUM(metrics.orders_increase), MAX(metrics.orders), p = PERCENTILE(latency_values, 99)"
    [[requests, increase, orders, p99]] = ask(f"FROM metrics-system | {where} | {told}")
    assert (requests, increase, orders) == (20, 40, 41), (requests, increase, orders)
    # An exponential bucket is 2 % wide at the SDK's scale, an explicit one of the defaults isn't.
    assert p99 is not None and p99 > 0, p99
    return p99


for way, exponential in (("http", False), ("grpc", True)):
    send(way, exponential)
    p99 = check(way)
    if exponential:
        assert abs(p99 - 250) < 5, p99
print("spans, logs and metrics came by HTTP and gRPC")
