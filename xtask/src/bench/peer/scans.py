"""Scans and groupings, asked of DuckDB on DataPulse's own Parquet segments.

scans.py FOLDER QUESTIONS THREADS WARM TIMES: FOLDER is a data folder that nobody serves, QUESTIONS
a JSON list of {"timed", "checked"}, both SQL over the views metrics, logs and traces: the times of the
one are told with the rows of the other. Prints [{"name", "ms", "rows"}]. Only answering is timed,
within this process: no HTTP, no JSON.
"""

import json
import os
import sqlite3
import sys
import time

import duckdb

folder, questions, threads, warm, times = sys.argv[1:]
warm, times = int(warm), int(times)

truth = sqlite3.connect(f"file:{os.path.join(folder, 'truth.db')}?mode=ro", uri=True)
base = duckdb.connect(config={"threads": int(threads)})
for view, index in {"metrics": "metrics-system", "logs": "logs-application", "traces": "traces-application"}.items():
    files = [
        os.path.join(folder, "segments", file)
        for (file,) in truth.execute("SELECT file FROM segments WHERE index_name = ? ORDER BY id", (index,))
    ]
    if not files:
        sys.exit(f"{index}: no segment in {folder}")
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    base.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet([{listed}], union_by_name=true)")

told = []
with open(questions, encoding="utf-8") as file:
    for question in json.load(file):
        took = []
        for turn in range(warm + times):
            began = time.perf_counter()
            base.execute(question["timed"]).fetchall()
            if turn >= warm:
                took.append((time.perf_counter() - began) * 1000)
        rows = base.execute(question["checked"]).fetchall()
        name = f"DuckDB {duckdb.__version__}, the same Parquet, {threads} threads, in process"
        told.append({"name": name, "ms": took, "rows": rows})
print(json.dumps(told))
