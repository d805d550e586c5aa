//! An index, page by page: in order of time where it has one, else of ids, each page behind the
//! last row of the one before. What comes meanwhile may be in it or not.

use anyhow::{Result, bail};
use esql::{Parameter, ParameterKind, Request};
use serde_json::{Value, json};

use crate::backend::Backend;
use crate::client::Client;
use crate::refusal::{WrongUse, of_status};

/// Rows of a page, and of the smallest one that is tried where documents are large.
const PAGE: usize = 5_000;
const SMALLEST_PAGE: usize = 10;
const TIME: &str = "@timestamp";

pub enum Asked {
    Server(Client),
    Folder(Backend),
}

/// Rows with the columns' names and types.
pub struct Page {
    pub columns: Vec<(String, String)>,
    pub rows: Vec<Vec<Value>>,
}

impl Asked {
    /// One query's answer.
    pub async fn ask(&self, query: &str, values: &[(&str, Value)]) -> Result<Page> {
        let answer = match self {
            Self::Server(client) => {
                let params: Vec<Value> = values
                    .iter()
                    .map(|(name, value)| json!({ *name: value }))
                    .collect();
                let body = json!({ "query": query, "params": params });
                let (text, _) = client.query(&body, "application/json").await?;
                serde_json::from_str(&text)?
            }
            Self::Folder(store) => {
                let params = values.iter().map(|(name, value)| Parameter {
                    name: Some((*name).to_owned()),
                    kind: ParameterKind::Value(value.clone()),
                });
                let request = Request {
                    query: query.to_owned(),
                    params: params.collect(),
                    now_ms: casework::Clock::wall().now().ms(),
                    ..Request::default()
                };
                match store.telemetry().query(&request).await {
                    Ok(answer) => esql::answer::to_json(&answer, false, false),
                    Err(store::Error::Query(error)) => {
                        return Err(of_status(error.status(), error.to_string()));
                    }
                    Err(other) => return Err(other.into()),
                }
            }
        };
        Ok(page(&answer))
    }
}

fn page(answer: &Value) -> Page {
    let list = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Page {
        columns: list("columns")
            .iter()
            .map(|column| (text(column, "name"), text(column, "type")))
            .collect(),
        rows: list("values")
            .into_iter()
            .map(|row| row.as_array().cloned().unwrap_or_default())
            .collect(),
    }
}

/// Where the next page begins.
enum Place {
    /// Documents with a time, behind this one.
    Time(Option<(String, String)>),
    /// The others by id.
    Id(Option<String>),
    End,
}

/// One index while it is read.
pub struct Pages<'a> {
    asked: &'a Asked,
    index: String,
    pub columns: Vec<(String, String)>,
    has_time: bool,
    place: Place,
    size: usize,
}

/// A name as ES|QL takes any.
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

impl<'a> Pages<'a> {
    /// The index's columns: `_id`, then its fields but those that repeat another's value or that
    /// no query can read.
    pub async fn of(asked: &'a Asked, index: &str) -> Result<Self> {
        let index = format!("\"{}\"", index.replace('"', ""));
        let head = format!("FROM {index} METADATA _id | LIMIT 0");
        let all = asked.ask(&head, &[]).await?.columns;
        let mut columns = vec![("_id".to_owned(), "keyword".to_owned())];
        for (name, kind) in &all {
            let of = name.strip_suffix(".keyword");
            let repeats = of.is_some_and(|of| all.iter().any(|(other, _)| other == of));
            if name != "_id" && kind != "unsupported" && !repeats {
                columns.push((name.clone(), kind.clone()));
            }
        }
        let timed = |column: &(String, String)| column.0 == TIME && column.1 == "date";
        let has_time = columns.iter().any(timed);
        Ok(Self {
            asked,
            index,
            has_time,
            place: match has_time {
                true => Place::Time(None),
                false => Place::Id(None),
            },
            columns,
            size: PAGE,
        })
    }

    /// The source for other questions.
    pub fn from(&self) -> String {
        format!("FROM {} METADATA _id", self.index)
    }

    /// The next rows, as long as the columns are; empty at the end.
    pub async fn next(&mut self) -> Result<Vec<Vec<Value>>> {
        loop {
            let (filter, sort, values) = match &self.place {
                Place::End => return Ok(Vec::new()),
                Place::Time(last) => by_time(last.as_ref()),
                Place::Id(last) => by_id(last.as_ref(), self.has_time),
            };
            let kept: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
            let query = format!(
                "{}{filter} | SORT {sort} | LIMIT {} | KEEP {}",
                self.from(),
                self.size,
                kept.join(", ")
            );
            let rows = match self.asked.ask(&query, &values).await {
                Ok(page) => page.rows,
                // Over a limit of memory or of an answer: fewer at once.
                Err(error) if error.is::<WrongUse>() || self.size <= SMALLEST_PAGE => {
                    return Err(error);
                }
                Err(_) => {
                    self.size /= 2;
                    continue;
                }
            };
            self.go_on(&rows)?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
    }

    fn go_on(&mut self, rows: &[Vec<Value>]) -> Result<()> {
        let text = |row: &[Value], at: usize| row[at].as_str().unwrap_or_default().to_owned();
        let place = self.columns.iter().position(|(name, _)| name == TIME);
        self.place = match (&self.place, rows.last()) {
            (Place::Time(_), None) => Place::Id(None),
            (_, None) => Place::End,
            (Place::Time(_), Some(row)) => {
                let Some(at) = place.filter(|at| row[*at].is_string()) else {
                    bail!("a document has several times in {TIME}: export it by a query");
                };
                Place::Time(Some((text(row, at), text(row, 0))))
            }
            (_, Some(row)) => Place::Id(Some(text(row, 0))),
        };
        Ok(())
    }
}

type Part = (String, &'static str, Vec<(&'static str, Value)>);

fn by_time(last: Option<&(String, String)>) -> Part {
    let sort = "`@timestamp`, _id";
    match last {
        None => (
            " | WHERE `@timestamp` IS NOT NULL".to_owned(),
            sort,
            Vec::new(),
        ),
        Some((at, id)) => {
            let filter = " | WHERE `@timestamp` > TO_DATETIME(?at) OR (`@timestamp` == TO_DATETIME(?at) AND _id > ?id)";
            let values = vec![("at", json!(at)), ("id", json!(id))];
            (filter.to_owned(), sort, values)
        }
    }
}

fn by_id(last: Option<&String>, has_time: bool) -> Part {
    let mut conditions = Vec::new();
    if has_time {
        conditions.push("`@timestamp` IS NULL");
    }
    let mut values = Vec::new();
    if let Some(id) = last {
        conditions.push("_id > ?id");
        values.push(("id", json!(id)));
    }
    let filter = match conditions.is_empty() {
        true => String::new(),
        false => format!(" | WHERE {}", conditions.join(" AND ")),
    };
    (filter, "_id", values)
}
