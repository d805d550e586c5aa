"""Cases that reach something: most of a valid case's names become real ones, by a rule that depends on
the case alone, so that a seed gives the same run."""

import hashlib
import json
import os
import sys

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from pool import API, of_environment  # noqa: E402

POOL = of_environment()
# Of so many cases one keeps the made-up name.
KEPT_OF = 5

QUERIES = [
    "FROM logs-* | LIMIT 5",
    "FROM logs-* | STATS n = COUNT(*) BY service.name | SORT n DESC",
    "FROM metrics-* | WHERE @timestamp > NOW() - 1 day | LIMIT 3",
    'FROM traces-* | EVAL a = CONCAT(service.name, "x") | KEEP a | LIMIT 2',
    "ROW a = [1, 2, 3] | MV_EXPAND a",
    "ROW a = ?",
    "SHOW INFO",
    "FROM * METADATA _id, _index | SORT _id | LIMIT 1",
]
ACTIONS = [
    {"index": {"_index": POOL.scratches[1]}},
    {"create": {"_index": POOL.scratches[1], "_id": "a"}},
    {"update": {"_index": POOL.scratches[1], "_id": "a"}},
    {"delete": {"_index": POOL.scratches[1], "_id": "a"}},
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.text(min_size=1, max_size=10), json_values, max_size=3)


def lines(pairs) -> bytes:
    text = ""
    for action, document in pairs:
        text += json.dumps(action) + "\n"
        if "update" in action:
            document = {"doc": document}
        if "delete" not in action:
            text += json.dumps(document) + "\n"
    return text.encode()


bulk = st.lists(st.tuples(st.sampled_from(ACTIONS), documents), min_size=1, max_size=4).map(lines)
schemathesis.openapi.media_type("application/x-ndjson", bulk | st.binary(min_size=1, max_size=60))
# No message has nothing in it; as Snappy writes it, it is a zero.
schemathesis.openapi.media_type("application/x-protobuf", st.just(b"\x00") | st.just(b"") | st.binary(max_size=80))


@schemathesis.serializer("application/x-ndjson", "application/x-protobuf")
def raw(ctx, value):
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def number(case) -> int:
    """The same for the same case, whatever Python's hash is today."""
    told = json.dumps([case.operation.label, case.path_parameters, case.query, repr(case.body)], default=repr, sort_keys=True)
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:6])


def is_positive(case, location: ParameterLocation) -> bool:
    part = case.meta.components.get(location) if case.meta else None
    return part is None or part.mode.is_positive


@schemathesis.hook
def map_case(context, case):
    dice = number(case)
    if case.path_parameters and is_positive(case, ParameterLocation.PATH):
        place(case, dice)
    if isinstance(case.body, dict) and is_positive(case, ParameterLocation.BODY):
        fill(case, dice // 7)
    return case


def place(case, dice: int) -> None:
    """Names in the path."""
    path, given = case.operation.path, case.path_parameters
    pick = lambda names: names[dice // KEPT_OF % len(names)]  # noqa: E731
    if path.endswith("/tokens/{id}/revoke"):
        # Others, ours among them, are still needed.
        if dice % KEPT_OF or given["id"] in POOL.kept:
            given["id"] = pick(POOL.throwaways)
        return
    if case.operation.method.upper() == "DELETE" and path == "/{index}":
        if dice % KEPT_OF or given["index"] in POOL.indices:
            given["index"] = pick(POOL.scratches)
        return
    if dice % KEPT_OF == 0:
        return
    if "{pid}" in path and POOL.proposals:
        given["id"], given["pid"] = pick(POOL.proposals)
    elif "{eid}" in path and POOL.evidence:
        given["id"], given["eid"] = pick(POOL.evidence)
    elif path.endswith(("/close", "/reopen")):
        # What is closed offers nothing any more.
        given["id"] = pick(POOL.declared)
    elif path.startswith(f"{API}/incidents/"):
        given["id"] = pick(POOL.incidents)
    elif path.startswith(f"{API}/tools/"):
        given["id"] = pick(POOL.tools)
    elif path.startswith(f"{API}/services/"):
        given["name"] = pick(POOL.services)
    elif path.startswith("/_query/async/") and POOL.queries:
        given["id"] = pick(POOL.queries)
    elif path.startswith(("/_index_template/", "/_enrich/policy/")):
        given["name"] = "schemathesis-scratch"
    elif path == "/{index}" and case.method.upper() == "PUT":
        given["index"] = f"schemathesis-made-{dice % 100_000}"
    elif "{index}" in path:
        writes = case.method.upper() in ("PUT", "DELETE") or "/_doc" in path or "/_bulk" in path or "/_update" in path
        given["index"] = pick(POOL.scratches if writes or "id" in given else POOL.indices)
        if "id" in given and dice % 2:
            given["id"] = "1"
        if "name" in given and dice % 2:
            given["name"] = f"{given['index']}-alias"
    elif path == "/_alias/{name}":
        given["name"] = f"{pick(POOL.scratches)}-alias"


def fill(case, dice: int) -> None:
    """Names in the body."""
    path, body = case.operation.path, case.body
    if dice % KEPT_OF == 0:
        return
    pick = lambda names: names[dice // KEPT_OF % len(names)]  # noqa: E731
    if path.endswith("/decisions"):
        seal = POOL.seals.get(case.path_parameters.get("pid"))
        if seal:
            body["seal"] = seal
    elif path.startswith(f"{API}/people/") and POOL.people:
        body["subject"] = pick(POOL.people)
    elif path.endswith("/agent/report"):
        body["incident_id"] = pick(POOL.incidents)
        if dice % 2 and POOL.reports:
            body["report"] = pick(POOL.reports)
    elif path.endswith("/close") and body.get("as", {}).get("kind") == "duplicate":
        body["as"]["of"] = pick(POOL.incidents)
    elif path.endswith("/tools/{id}/run") and dice % 2:
        body.pop("parameters", None)
    elif path.startswith("/_query") and case.method.upper() == "POST" and dice % 3:
        body["query"] = pick(QUERIES)
    elif path == "/_aliases":
        for action in body.get("actions", []):
            for said in action.values():
                said["index"] = pick(POOL.scratches)
    elif path == "/_enrich/policy/{name}":
        body["match"]["indices"] = pick(POOL.scratches)


@schemathesis.hook
def before_call(context, case, kwargs):
    # A code that is good once is made when it is needed.
    if case.operation.path == "/login" and case.query.get("code") and number(case) % 2:
        case.query["code"] = POOL.login_code()
