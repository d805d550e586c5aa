"""The four tools' questions, asked of DuckDB over Parquet and of SQLite's FTS5.

million.py FOLDER FROM TO WORDS TIMES: reads FOLDER/{metrics,logs,changes,services}.ndjson and
FOLDER/runbooks.json, prints {"TOOL": {"name", "p95_ms", "rows"}}. Only answering is timed, within
this process: no HTTP, no JSON.
"""

import json
import math
import os
import sqlite3
import sys
import time

import duckdb

folder, begin, end, words, times = sys.argv[1:]
times = int(times)
WARM = 5

base = duckdb.connect()
for name in ("metrics", "logs", "changes", "services"):
    source = os.path.join(folder, name + ".ndjson")
    target = os.path.join(folder, name + ".parquet")
    base.execute(
        f"COPY (SELECT * FROM read_json('{source}', format='newline_delimited'))"
        f" TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
    )
    base.execute(f"CREATE VIEW {name} AS SELECT * FROM '{target}'")

QUERIES = {
    "detect_anomalies": """
        WITH signals AS (
            SELECT "service.name", SUM(request_count)::DOUBLE AS requests, SUM(error_count)::DOUBLE AS errors,
                   approx_quantile(latency, 0.99) AS p99_ms, COUNT(*) AS documents
            FROM metrics WHERE "@timestamp" >= $begin AND "@timestamp" < $finish GROUP BY ALL)
        SELECT "service.name", team, criticality, requests, errors,
               CASE WHEN requests > 0 THEN errors / requests END AS error_rate, p99_ms, documents
        FROM signals LEFT JOIN services USING ("service.name")
        WHERE requests >= 20 AND (error_rate > 0.05 OR p99_ms > 2000)
        ORDER BY error_rate DESC, p99_ms DESC, "service.name"
    """,
    "correlate_error_logs": """
        SELECT COUNT(*) AS errors, approx_count_distinct("trace.id") AS traces, MIN("@timestamp") AS first_seen,
               MAX("@timestamp") AS last_seen, MAX(message) AS example, "service.name", "error.type"
        FROM logs
        WHERE "@timestamp" >= $begin AND "@timestamp" < $finish
          AND ("log.level" IN ('ERROR', 'FATAL', 'CRITICAL', 'error', 'fatal', 'critical') OR "error.type" IS NOT NULL)
        GROUP BY "service.name", "error.type" ORDER BY errors DESC, "service.name" LIMIT 100
    """,
    "check_recent_deployments": """
        SELECT * FROM changes WHERE "@timestamp" >= $begin AND "@timestamp" < $finish
        ORDER BY "@timestamp" DESC, "deployment.id" LIMIT 200
    """,
}


def timed(ask):
    took, rows = [], 0
    for turn in range(WARM + times):
        began = time.perf_counter()
        rows = len(ask())
        if turn >= WARM:
            took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return took[max(math.ceil(0.95 * len(took)), 1) - 1], rows


def stamp(text):
    return text.replace("T", " ").replace("Z", "")


told = {}
window = {"begin": stamp(begin), "finish": stamp(end)}
for tool, query in QUERIES.items():
    query = query.replace("$begin", "$begin::TIMESTAMP").replace("$finish", "$finish::TIMESTAMP")
    p95, rows = timed(lambda: base.execute(query, window).fetchall())
    told[tool] = {"name": f"DuckDB {duckdb.__version__}, Parquet, in process", "p95_ms": p95, "rows": rows}

texts = sqlite3.connect(":memory:")
texts.execute("CREATE VIRTUAL TABLE runbooks USING fts5(id UNINDEXED, title, content)")
with open(os.path.join(folder, "runbooks.json"), encoding="utf-8") as file:
    for runbook in json.load(file):
        row = (runbook["id"], runbook["title"], runbook["content"])
        texts.execute("INSERT INTO runbooks VALUES (?, ?, ?)", row)
any_word = " OR ".join(words.split())
p95, rows = timed(
    lambda: texts.execute(
        "SELECT id, title, bm25(runbooks) FROM runbooks WHERE runbooks MATCH ? ORDER BY 3, 1 LIMIT 20", (any_word,)
    ).fetchall()
)
told["search_runbooks"] = {"name": f"SQLite {sqlite3.sqlite_version} FTS5, in process", "p95_ms": p95, "rows": rows}
print(json.dumps(told))
