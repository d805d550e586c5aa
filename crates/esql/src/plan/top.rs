//! `EVAL … | SORT … | LIMIT n`: the first rows are found before anything is worked out for them,
//! as Elasticsearch lets Lucene find them.

use super::{ExprKind, SortKey, Step};
use crate::datatype::DataType;

/// The steps with sorts by fields, and their limits, moved before the columns made ahead of them.
pub fn first(mut steps: Vec<Step>) -> Vec<Step> {
    let Some(sort) = steps.iter().position(|step| matches!(step, Step::Sort(_))) else {
        return steps;
    };
    let Some(limit) = limit_after(&steps, sort) else {
        return steps;
    };
    let Step::Sort(keys) = &steps[sort] else {
        return steps;
    };
    let mut target = sort;
    while target > 1 {
        match &steps[target - 1] {
            Step::Eval(made) if independent(keys, made) => target -= 1,
            _ => break,
        }
    }
    let from_source = steps[..target]
        .iter()
        .all(|step| matches!(step, Step::Source(_) | Step::Filter(_)));
    if target == sort || target == 0 || !from_source {
        return steps;
    }
    let limit = Step::Limit(limit);
    let sort = steps.remove(sort);
    steps.insert(target, limit);
    steps.insert(target, sort);
    steps
}

/// The limit that follows with nothing but a choice of columns between.
fn limit_after(steps: &[Step], sort: usize) -> Option<usize> {
    steps[sort + 1..]
        .iter()
        .find(|step| !matches!(step, Step::Project(_)))
        .and_then(|step| match step {
            Step::Limit(rows) => Some(*rows),
            _ => None,
        })
}

fn independent(keys: &[SortKey], made: &[super::Named]) -> bool {
    keys.iter().all(|key| match &key.value.kind {
        ExprKind::Column(name) => {
            key.value.data_type != DataType::Text && made.iter().all(|new| new.name != *name)
        }
        _ => false,
    })
}
