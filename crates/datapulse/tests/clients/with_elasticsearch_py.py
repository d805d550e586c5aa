"""Elasticsearch's own Python client against a running DataPulse: `cargo xtask test` runs it.

URL and TOKEN come from the environment. Every assertion says what a user of the client would see.
"""

import os
import warnings

from elasticsearch import (
    ApiError,
    BadRequestError,
    Elasticsearch,
    ElasticsearchWarning,
    NotFoundError,
    helpers,
)

URL, TOKEN = os.environ["URL"], os.environ["TOKEN"]


def refused(kind, call):
    try:
        call()
    except ApiError as error:
        assert error.error == kind or error.status_code == kind, error
        return error
    raise AssertionError(f"expected {kind}")


def who_may_come():
    for coat in (
        {"api_key": ("some-id", TOKEN)},
        {"api_key": TOKEN},
        {"basic_auth": ("anybody", TOKEN)},
        {"bearer_auth": TOKEN},
    ):
        info = Elasticsearch(URL, **coat).info()
        assert info["version"]["number"].startswith("9."), info
    error = refused("security_exception", lambda: Elasticsearch(URL, api_key="wrong").info())
    assert error.status_code == 401, error


def indices(client):
    made = client.indices.create(
        index="books",
        settings={"number_of_shards": 1},
        mappings={
            "dynamic": "strict",
            "properties": {
                "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
                "pages": {"type": "integer"},
                "published": {"type": "date"},
                "author": {"properties": {"name": {"type": "keyword"}}},
            },
        },
    )
    assert made["acknowledged"] and made["index"] == "books", made
    assert client.indices.exists(index="books") and not client.indices.exists(index="films")
    mapping = client.indices.get_mapping(index="books")
    assert mapping["books"]["mappings"]["properties"]["title"]["fields"]["raw"]["type"] == "keyword"
    refused("resource_already_exists_exception", lambda: client.indices.create(index="books"))
    client.indices.put_index_template(
        name="events",
        index_patterns=["events-*"],
        data_stream={},
        template={"mappings": {"properties": {"kind": {"type": "keyword"}}}},
    )
    template = client.indices.get_index_template(name="events")
    assert template["index_templates"][0]["index_template"]["index_patterns"] == ["events-*"]


BOOKS = [
    ("Snow Crash", 470, "1992-06-01", "Stephenson"),
    ("Anathem", 928, "2008-09-09", "Stephenson"),
    ("Hyperion", 482, "1989-05-26", "Simmons"),
    ("Dune", 604, "1965-08-01", "Herbert"),
    ("Dune Messiah", 256, "1969-10-15", "Herbert"),
]


def documents(client):
    actions = [
        {
            "_index": "books",
            "_id": str(number),
            "_source": {"title": title, "pages": pages, "published": published, "author": {"name": author}},
        }
        for number, (title, pages, published, author) in enumerate(BOOKS)
    ]
    assert helpers.bulk(client, actions, refresh="wait_for") == (5, [])
    done, errors = helpers.bulk(
        client,
        [{"_index": "books", "_op_type": "create", "_id": "0", "title": "again"}, {"_index": "books", "colour": "red"}],
        raise_on_error=False,
    )
    kinds = [next(iter(error.values()))["error"]["type"] for error in errors]
    assert done == 0 and kinds == ["version_conflict_engine_exception", "strict_dynamic_mapping_exception"], errors
    stored = client.index(index="books", id="9", document={"title": "Nova", "pages": 279})
    assert stored["result"] == "created", stored
    assert client.index(index="books", id="9", document={"title": "Nova", "pages": 241})["result"] == "updated"
    refused(409, lambda: client.create(index="books", id="9", document={"title": "Nova"}))
    assert client.get(index="books", id="9")["_source"] == {"title": "Nova", "pages": 241}
    assert client.exists(index="books", id="9") and not client.exists(index="books", id="10")
    try:
        client.get(index="books", id="10")
        raise AssertionError("found what isn't there")
    except NotFoundError as error:
        assert error.body["found"] is False
    assert client.count(index="books")["count"] == 6
    events = [{"_op_type": "create", "_index": "events-shop", "@timestamp": f"2026-01-10T13:00:0{n}Z", "kind": "sale"} for n in range(3)]
    assert helpers.bulk(client, events)[0] == 3
    refused(
        "illegal_argument_exception",
        lambda: client.index(index="events-shop", id="1", document={"@timestamp": "2026-01-10T13:00:00Z"}),
    )


def searches(client):
    found = client.search(
        index="books",
        query={"bool": {"must": [{"match": {"title": "dune"}}], "filter": [{"range": {"published": {"lt": "1990-01-01"}}}]}},
        sort=[{"pages": "desc"}],
        source=["title"],
    )
    assert found["hits"]["total"] == {"value": 2, "relation": "eq"}, found
    assert [hit["_source"] for hit in found["hits"]["hits"]] == [{"title": "Dune"}, {"title": "Dune Messiah"}]
    page = client.search(index="books", sort=[{"pages": "asc"}], size=2)
    after = page["hits"]["hits"][-1]["sort"]
    rest = client.search(index="books", sort=[{"pages": "asc"}], size=10, search_after=after)
    assert [hit["sort"][0] for hit in rest["hits"]["hits"]] == [470, 482, 604, 928], rest
    answer = client.search(
        index="books",
        size=0,
        aggs={
            "authors": {"terms": {"field": "author.name"}, "aggs": {"longest": {"max": {"field": "pages"}}}},
            "decades": {"date_histogram": {"field": "published", "calendar_interval": "year", "min_doc_count": 1}},
            "how_many": {"cardinality": {"field": "author.name"}},
        },
    )["aggregations"]
    authors = [(bucket["key"], bucket["doc_count"], bucket["longest"]["value"]) for bucket in answer["authors"]["buckets"]]
    assert authors == [("Herbert", 2, 604.0), ("Stephenson", 2, 928.0), ("Simmons", 1, 482.0)], authors
    assert answer["how_many"]["value"] == 3 and len(answer["decades"]["buckets"]) == 5, answer
    refused("index_not_found_exception", lambda: client.search(index="films"))


def esql(client):
    answer = client.esql.query(
        query="FROM books | WHERE pages > ?least | STATS n = COUNT(*) BY author.name | SORT n DESC, author.name",
        params=[{"least": 400}],
        filter={"exists": {"field": "author.name"}},
    )
    assert [column["name"] for column in answer["columns"]] == ["n", "author.name"]
    assert answer["values"] == [[2, "Stephenson"], [1, "Herbert"], [1, "Simmons"]], answer
    text = client.esql.query(query="ROW a = 1, b = 2", format="csv", delimiter=";")
    assert str(text) == "a;b\r\n1;2\r\n", repr(str(text))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        client.esql.query(query="ROW a = 1 / 0")
    said = [str(warning.message) for warning in heard if warning.category is ElasticsearchWarning]
    assert any("evaluation of [1 / 0] failed" in text for text in said), said
    try:
        client.esql.query(query="FROM books | WHERE paages > 1")
        raise AssertionError("an unknown column was found")
    except BadRequestError as error:
        assert error.error == "verification_exception" and "pages" in str(error), error
    begun = client.esql.async_query(query="FROM books | STATS n = COUNT(*)", keep_on_completion=True, wait_for_completion_timeout="10s")
    assert begun["is_running"] is False and begun["values"] == [[6]], begun
    again = client.esql.async_query_get(id=begun["id"])
    assert again["values"] == [[6]], again
    assert client.esql.async_query_delete(id=begun["id"])["acknowledged"]


def the_end(client):
    lines = client.cat.indices(index="books,events-*", h="index,docs.count", s="index")
    assert str(lines) == "books       6\nevents-shop 3\n", repr(str(lines))
    assert client.cat.indices(index="books", format="json")[0]["docs.count"] == "6"
    assert client.indices.refresh(index="books")["_shards"]["failed"] == 0
    assert client.indices.delete(index="books")["acknowledged"]
    assert not client.indices.exists(index="books")
    refused("index_not_found_exception", lambda: client.indices.delete(index="books"))
    assert client.indices.delete_index_template(name="events")["acknowledged"]


who_may_come()
ELASTICSEARCH = Elasticsearch(URL, api_key=("some-id", TOKEN), request_timeout=60)
for step in (indices, documents, searches, esql, the_end):
    step(ELASTICSEARCH)
    print(f"{step.__name__}: fine")
