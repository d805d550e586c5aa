"""Asks a server all that its own description allows, and much that it doesn't: no answer may be a
failure of the server's, and none may be outside the description.

    URL=http://127.0.0.1:5610 TOKEN=… python xtask/schemathesis/run.py --seed 1 --examples 20

The server must be one whose content may be lost; `datapulse demo` makes a fit one. Exit codes: 0 fine,
1 failures, 2 wrong use.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter, defaultdict

sys.dont_write_bytecode = True

from pool import Server  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("URL"), help="the server; else URL says it")
    parser.add_argument("--token", default=os.environ.get("TOKEN"), help="an admin's, of a person; else TOKEN")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=15, help="made-up cases of an operation, by phase")
    parser.add_argument("--schema", help="a description from a file instead of the server's own")
    parser.add_argument("--report", help="keep every request and answer in this file, as NDJSON")
    parser.add_argument("--only", help="operations whose path fits this expression")
    asked = parser.parse_args()
    if not asked.url or not asked.token:
        parser.error("the server's URL and an admin's token are needed")
    return asked


def command(asked: argparse.Namespace, report: pathlib.Path) -> list[str]:
    words = [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(HERE / "schemathesis.toml")),
        *("run", asked.schema or f"{asked.url}/openapi.json", "--url", asked.url),
        *("--seed", str(asked.seed), "--max-examples", str(asked.examples)),
        *("--no-color", "--workers", "1"),
        *("--warnings", "off", "--report", "ndjson", "--report-ndjson-path", str(report)),
    ]
    if asked.only:
        words += ["--include-path-regex", asked.only]
    return words


def operations(asked: argparse.Namespace) -> set[str]:
    """Labels of all that the description has."""
    if asked.schema:
        text = pathlib.Path(asked.schema).read_text(encoding="utf-8")
    else:
        with urllib.request.urlopen(f"{asked.url}/openapi.json", timeout=30) as answer:
            text = answer.read().decode()
    paths = json.loads(text)["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def answers(report: pathlib.Path) -> dict[str, Counter]:
    """Of each operation: its cases by status."""
    statuses: dict[str, Counter] = defaultdict(Counter)
    with report.open(encoding="utf-8") as file:
        for line in file:
            done = json.loads(line).get("ScenarioFinished")
            if not done:
                continue
            recorder = done["recorder"]
            for case, exchange in recorder.get("interactions", {}).items():
                answer = exchange.get("response")
                made = recorder.get("cases", {}).get(case, {}).get("value", {})
                if answer:
                    label = f"{made.get('method')} {made.get('path_template') or made.get('path')}"
                    statuses[label][answer["status_code"]] += 1
    return statuses


def tell(statuses: dict[str, Counter], described: set[str]) -> None:
    total = Counter()
    for counts in statuses.values():
        for status, count in counts.items():
            total[f"{status // 100}xx"] += count
    by_kind = ", ".join(f"{count} of {kind}" for kind, count in sorted(total.items()))
    asked = described & set(statuses)
    print(f"{len(asked)} of {len(described)} operations, {sum(total.values())} cases: {by_kind}")
    for label in sorted(described - asked):
        print(f"never asked: {label}")
    for label in sorted(asked):
        counts = statuses[label]
        if all(status >= 400 for status in counts):
            told = ", ".join(f"{count} of {status}" for status, count in sorted(counts.items()))
            print(f"never succeeded: {label} ({told})")


def main() -> int:
    asked = wanted()
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(asked.report or f"{folder}/report.ndjson").resolve()
        environment = os.environ | {
            "URL": asked.url,
            "TOKEN": asked.token,
            "AGENT_TOKEN": Server(asked.url, asked.token).token_of("agent")["secret"],
            "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(command(asked, report), env=environment, cwd=folder, check=False)
        if report.exists():
            tell(answers(report), operations(asked))
    return 0 if done.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
