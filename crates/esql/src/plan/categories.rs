//! `CATEGORIZE` as a window function over all rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, new_null_array};
use arrow::datatypes::{DataType as Arrow, Field, FieldRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Expr as Df, LogicalPlan, LogicalPlanBuilder, PartitionEvaluator, Signature, Volatility,
    WindowUDF, WindowUDFImpl,
};

use super::Categorize;
use super::expression::{self, column};
use super::lists::{element_of, list_of};
use super::lower::{Context, names};
use crate::categorize::{Categorizer, Options};

/// Rows whose messages are looked at together: they lie in memory at once.
const MAX_MESSAGES: usize = 1_000_000;

const TEXT: &str = "$$categorized";
const CATEGORY: &str = "$$category";

/// The input's columns and the category of each row's message.
pub fn categorize(input: LogicalPlan, step: &Categorize, context: &Context) -> Result<LogicalPlan> {
    let text = expression::lower(&step.value, input.schema(), &context.shared)?;
    let kept: Vec<Df> = names(&input)
        .filter(|name| *name != step.name)
        .map(|name| column(&name))
        .collect();
    let with_text = names(&input).map(|name| column(&name));
    let with_text: Vec<Df> = with_text.chain([text.expr.alias(TEXT)]).collect();
    let category = WindowUDF::new_from_impl(Miner::new(step.options))
        .call(vec![column(TEXT)])
        .alias(CATEGORY);
    let windowed = LogicalPlanBuilder::from(input)
        .project(with_text)?
        .limit(0, Some(MAX_MESSAGES + 1))?
        .window(vec![category])?
        .build()?;
    LogicalPlanBuilder::from(windowed)
        .project(kept.into_iter().chain([column(CATEGORY).alias(&step.name)]))?
        .build()
}

#[derive(Debug, Clone)]
struct Miner {
    name: String,
    options: Options,
    signature: Signature,
}

impl Miner {
    fn new(options: Options) -> Self {
        Self {
            name: format!("categorize@{options:?}"),
            options,
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl PartialEq for Miner {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Miner {}

impl std::hash::Hash for Miner {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl WindowUDFImpl for Miner {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Messages(self.options)))
    }

    fn field(&self, arguments: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        let gives = match arguments
            .input_fields()
            .first()
            .map(|field| field.data_type())
        {
            Some(list @ Arrow::List(_)) => list_of(element_of(list)),
            _ => Arrow::Utf8,
        };
        Ok(Arc::new(Field::new(arguments.name(), gives, true)))
    }
}

#[derive(Debug)]
struct Messages(Options);

impl PartitionEvaluator for Messages {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        if rows > MAX_MESSAGES {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "CATEGORIZE looks at no more than {MAX_MESSAGES} rows: ask about less time, or put SAMPLE before it"
            )));
        }
        let messages = &values[0];
        Ok(match messages.data_type() {
            Arrow::Null => new_null_array(&Arrow::Utf8, rows),
            Arrow::List(_) => {
                let lists = messages.as_list::<i32>();
                let categories = self.of(lists.values().as_string::<i32>());
                in_lists(lists, &categories)
            }
            _ => {
                let categories = self.of(messages.as_string::<i32>());
                Arc::new(StringArray::from(categories))
            }
        })
    }
}

impl Messages {
    fn of(&self, messages: &StringArray) -> Vec<Option<String>> {
        let mut categorizer = Categorizer::new(self.0);
        let found: Vec<Option<usize>> = messages
            .iter()
            .map(|message| categorizer.add(message?))
            .collect();
        let name = |found: Option<usize>| found.map(|found| categorizer.name(found));
        found.into_iter().map(name).collect()
    }
}

/// The categories of each row's messages; null where none has one.
fn in_lists(lists: &ListArray, categories: &[Option<String>]) -> ArrayRef {
    let item = Arc::new(Field::new_list_field(Arrow::Utf8, false));
    let mut builder =
        arrow::array::ListBuilder::new(arrow::array::StringBuilder::new()).with_field(item);
    for row in 0..lists.len() {
        let offsets = lists.value_offsets();
        let within = offsets[row] as usize..offsets[row + 1] as usize;
        let named = categories[within].iter().flatten();
        let mut any = false;
        if lists.is_valid(row) {
            for name in named {
                builder.values().append_value(name);
                any = true;
            }
        }
        builder.append(any);
    }
    Arc::new(builder.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_messages_than_fit_are_refused() {
        let column = |rows: usize| vec![new_null_array(&Arrow::Utf8, rows)];
        let mut messages = Messages(Options::default());
        let many = messages.evaluate_all(&column(MAX_MESSAGES + 1), MAX_MESSAGES + 1);
        let refused = many.expect_err("too many").to_string();
        assert!(refused.contains("no more than 1000000 rows"), "{refused}");
        let few = messages.evaluate_all(&column(2), 2).expect("few");
        assert_eq!(few.null_count(), 2);
    }
}
