//! The documents that a search finds.

use esql::answer::rows;
use esql::{AnswerColumn, DataType};
use serde_json::{Map, Value, json};

use super::super::refusal::Refusal;
use super::asked::{Asked, Total};
use super::sorting::{self, column, shown};
use super::source::{self, Wanted};
use super::{Commands, Over, quoted};

/// `hits` of the answer.
pub async fn find(over: &Over, asked: &Asked) -> Result<Value, Refusal> {
    // Without a query there is nothing by which one document is better than another.
    let has_query = asked
        .query
        .as_ref()
        .is_some_and(|query| query.get("match_all").is_none());
    let by_score = asked.sort.iter().any(|key| key.is_score());
    let scored = by_score || has_query && asked.sort.is_empty();
    let mut hits = Vec::new();
    let mut max_score = Value::Null;
    if asked.size > 0 {
        let found = page(over, asked, scored).await?;
        for hit in found {
            hits.push(hit);
        }
    }
    if asked.sort.is_empty() {
        let scores = hits.iter().filter_map(|hit: &Value| hit["_score"].as_f64());
        max_score = scores.reduce(f64::max).map_or(Value::Null, Value::from);
    }
    let mut body = Map::new();
    if let Some(total) = total(over, asked.total).await? {
        body.insert("total".to_owned(), total);
    }
    body.insert("max_score".to_owned(), max_score);
    body.insert("hits".to_owned(), Value::Array(hits));
    Ok(Value::Object(body))
}

async fn total(over: &Over, wanted: Total) -> Result<Option<Value>, Refusal> {
    if wanted == Total::None {
        return Ok(None);
    }
    let count = over.count().await?;
    Ok(Some(match wanted {
        Total::UpTo(most) if count > most => json!({ "value": most, "relation": "gte" }),
        _ => json!({ "value": count, "relation": "eq" }),
    }))
}

async fn page(over: &Over, asked: &Asked, scored: bool) -> Result<Vec<Value>, Refusal> {
    let mut commands = Commands::default();
    let most = asked.from + asked.size;
    sorting::commands(
        over,
        &asked.sort,
        asked.search_after.as_ref(),
        &mut commands,
    )?;
    if asked.sort.is_empty() && scored {
        commands.add("SORT _score DESC");
    }
    commands.add(format!("LIMIT {most}"));
    let mut kept = vec!["_id".to_owned(), "_index".to_owned()];
    if scored {
        kept.push("_score".to_owned());
    }
    kept.extend((0..asked.sort.len()).map(column));
    let wanted = over.fields.iter().filter(|(name, field)| {
        let in_source = !field.is_sub && asked.source.has(name);
        in_source || named(&asked.fields, name)
    });
    kept.extend(wanted.map(|(name, _)| quoted(name)));
    commands.add(format!("KEEP {}", kept.join(", ")));
    let Some(answer) = over.ask(&commands, most, scored).await? else {
        return Ok(Vec::new());
    };
    let rows = rows(&answer);
    let page = rows.into_iter().skip(asked.from);
    Ok(page
        .map(|row| hit(over, asked, &answer.columns, row, scored))
        .collect())
}

fn named(patterns: &[String], field: &str) -> bool {
    let mut patterns = patterns.iter();
    patterns.any(|pattern| super::super::filter_path::fits(pattern, field))
}

fn hit(
    over: &Over,
    asked: &Asked,
    columns: &[AnswerColumn],
    row: Vec<Value>,
    scored: bool,
) -> Value {
    let mut cells = columns.iter().zip(row);
    let mut next = || cells.next().map_or(Value::Null, |(_, value)| value);
    let (id, index) = (next(), next());
    let score = match (scored, asked.sort.is_empty()) {
        (true, _) => next(),
        (false, true) => json!(1.0),
        (false, false) => Value::Null,
    };
    let mut hit = json!({ "_index": index, "_id": id, "_score": score });
    let sorted: Vec<Value> = cells
        .by_ref()
        .take(asked.sort.len())
        .map(|(column, value)| shown(column.data_type, &value))
        .collect();
    let (document, fields) = parts(over, asked, cells);
    if !asked.source.is_none() {
        hit["_source"] = Value::Object(document);
    }
    if !fields.is_empty() {
        hit["fields"] = Value::Object(fields);
    }
    if !asked.sort.is_empty() {
        hit["sort"] = Value::Array(sorted);
    }
    hit
}

type Parts = (Map<String, Value>, Map<String, Value>);

/// The document, and its `fields`.
fn parts<'a>(
    over: &Over,
    asked: &Asked,
    cells: impl Iterator<Item = (&'a AnswerColumn, Value)>,
) -> Parts {
    let (mut document, mut fields) = Parts::default();
    for (column, value) in cells {
        if value.is_null() || column.data_type == DataType::Unsupported {
            continue;
        }
        if named(&asked.fields, &column.name) {
            let list = match &value {
                Value::Array(_) => value.clone(),
                one => json!([one]),
            };
            fields.insert(column.name.clone(), list);
        }
        let is_sub = over
            .fields
            .get(&column.name)
            .is_some_and(|field| field.is_sub);
        if !is_sub && asked.source.has(&column.name) {
            source::put(&mut document, &column.name, value);
        }
    }
    (document, fields)
}

/// One document by its id.
pub async fn by_id(over: &Over, id: &str, source: &Wanted) -> Result<Option<Value>, Refusal> {
    let mut commands = Commands::default();
    let place = commands.value(id.into());
    commands.add(format!("WHERE _id == {place}"));
    commands.add("LIMIT 1");
    let kept = over.fields.iter();
    let kept = kept.filter(|(name, field)| !field.is_sub && source.has(name));
    let mut names = vec!["_id".to_owned()];
    names.extend(kept.map(|(name, _)| quoted(name)));
    commands.add(format!("KEEP {}", names.join(", ")));
    let Some(answer) = over.ask(&commands, 1, false).await? else {
        return Ok(None);
    };
    let Some(row) = rows(&answer).into_iter().next() else {
        return Ok(None);
    };
    let mut document = Map::new();
    for (column, value) in answer.columns.iter().zip(row).skip(1) {
        if !value.is_null() {
            source::put(&mut document, &column.name, value);
        }
    }
    Ok(Some(Value::Object(document)))
}
