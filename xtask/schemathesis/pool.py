"""What the server holds: names that lead somewhere, so that a route is reached rather than missed."""

import json
import os
import urllib.error
import urllib.request

API = "/api/datapulse/v1"
SCRATCH = "schemathesis-scratch"
SCRATCHES = 4
THROWAWAYS = 4


class Server:
    """The server under test, asked as the same caller."""

    def __init__(self, url: str, token: str):
        self.url, self.token = url.rstrip("/"), token

    def ask(self, method: str, path: str, body=None):
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            # What isn't there, or was done before, is nothing to begin with.
            if error.code in (404, 409):
                return {}
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from error
        return json.loads(text) if text else {}

    def token_of(self, role: str, person: bool = False) -> dict:
        """A new token that lives a day."""
        body = {"name": "schemathesis", "role": role, "days": 1, "person": person}
        return self.ask("POST", f"{API}/tokens", body)


class Pool:
    """Names by what they name; made ready once."""

    def __init__(self, server: Server):
        self.server = server
        self._incidents()
        get = server.ask
        self.tools = [tool["id"] for tool in get("GET", f"{API}/tools")["items"]]
        services = get("GET", f"{API}/services")["items"]
        self.services = sorted(one["service.name"] for one in services) or ["checkout"]
        self.kept = {token["id"] for token in get("GET", f"{API}/tokens")["items"]}
        self.throwaways = [server.token_of("viewer")["id"] for _ in range(THROWAWAYS)]
        self.people = self._people()
        self._scratch()
        stats = get("GET", f"{API}/store/stats")["items"]
        self.indices = sorted(one["index"] for one in stats)

    def _people(self) -> list[str]:
        """Who has decided something is known: somebody else than the caller says no to the last offer."""
        if self.proposals:
            incident, proposal = self.proposals.pop()
            somebody = Server(self.server.url, self.server.token_of("responder", person=True)["secret"])
            no = {"seal": self.seals[proposal], "approve": False, "reason": "a test"}
            somebody.ask("POST", f"{API}/incidents/{incident}/proposals/{proposal}/decisions", no)
        return [person["subject"] for person in self.server.ask("GET", f"{API}/people")["items"]]

    def login_code(self) -> str:
        return self.server.ask("POST", f"{API}/login-links")["path"].partition("code=")[2]

    def _incidents(self) -> None:
        declared = {"service.name": "checkout", "title": "declared", "severity": "low", "reason": "a test"}
        self.declared = [self.server.ask("POST", f"{API}/incidents", declared)["incident_id"]]
        self.incidents, self.proposals, self.seals, self.evidence = [], [], {}, []
        self.reports = []
        for summary in self.server.ask("GET", f"{API}/incidents")["items"]:
            incident = summary["incident_id"]
            self.incidents.append(incident)
            path = f"{API}/incidents/{incident}"
            for item in self.server.ask("GET", f"{path}/proposals").get("items", []):
                proposal = item["proposal"]["id"]
                self.proposals.append((incident, proposal))
                self.seals[proposal] = item.get("seal") or item["proposal"].get("seal")
            report = self.server.ask("GET", f"{path}/report")
            if report:
                self.reports.append(report)
            self.evidence += [(incident, name) for name in evidence(report)]

    def _scratch(self) -> None:
        ask = self.server.ask
        self.scratches = [f"{SCRATCH}-{number}" for number in range(SCRATCHES)]
        for index in self.scratches:
            ask("PUT", f"/{index}/_doc/1", {"name": index, "number": 1})
            ask("PUT", f"/{index}/_alias/{index}-alias", {})
        self.scratch_documents = ["1"]
        ask("PUT", f"/_index_template/{SCRATCH}", {"index_patterns": [f"{SCRATCH}-template-*"]})
        match = {"indices": self.scratches[0], "match_field": "name", "enrich_fields": ["number"]}
        ask("PUT", f"/_enrich/policy/{SCRATCH}", {"match": match})
        query = {"query": "ROW a = 1", "wait_for_completion_timeout": "1s", "keep_on_completion": True}
        running = [ask("POST", "/_query/async", query).get("id") for _ in range(3)]
        self.queries = [one for one in running if one]


def evidence(report: dict) -> list[str]:
    """Ids of all evidence that a report names, wherever it stands."""
    found = set()

    def walk(value) -> None:
        if isinstance(value, dict):
            if "answer_digest" in value and isinstance(value.get("id"), str):
                found.add(value["id"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(report)
    return sorted(found)


def of_environment() -> Pool:
    return Pool(Server(os.environ["URL"], os.environ["TOKEN"]))
