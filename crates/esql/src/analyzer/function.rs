//! Calls: which function is meant, what its arguments become, and constants worked out at once.

use super::lazy::{LAZY, reached};
use super::similar::{hint, similar};
use super::walk::each_expression;
use super::{Analyzer, Unresolved, categories, constant, search};
use crate::ast::{self, Identifier, Span};
use crate::datatype::DataType;
use crate::error::{Error, Problem};
use crate::functions::{self, Argument, Call, Function};
use crate::plan::{Expr, ExprKind};
use crate::warning::Warnings;
use crate::{aggregates, full_text};

/// Functions whose arguments only have to be of one type: strings stand for nothing else there.
const TAKE_ANY_TYPE: [&str; 4] = ["mv_append", "neg", "not", "is_null"];

/// Functions that turn numbers of several types into the widest of them.
const MIX_NUMBERS: [&str; 4] = ["case", "coalesce", "greatest", "least"];

/// Functions that read `@timestamp` without being given it.
const OVER_TIME: [&str; 1] = ["tbucket"];
const TIMESTAMP: &str = "@timestamp";

/// Operators between a date and a string: the string is a span of time.
const ARITHMETIC: [&str; 5] = ["+", "-", "*", "/", "%"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

impl Analyzer<'_> {
    pub(super) fn call(
        &mut self,
        name: &Identifier,
        arguments: &[ast::Expr],
        options: Option<&[(String, ast::Expr)]>,
        span: Span,
    ) -> Result<Expr, Unresolved> {
        let lower = name.text.to_lowercase();
        let views: Vec<&ast::Expr> = arguments.iter().collect();
        if full_text::is_function(&lower) {
            return self.full_text(&lower, &views, options, span);
        }
        if lower == categories::CATEGORIZE {
            let before = self.misuse.len();
            self.check_grouping(&lower, span);
            if self.misuse.len() == before {
                return self.misplaced_categorize(span);
            }
            let null = constant::null(DataType::Keyword);
            return Ok(self.typed(span, DataType::Keyword, ExprKind::Constant(null)));
        }
        if lower == search::SCORE {
            return self.score(&views, span);
        }
        if let Some(column) = self.aggregate_in_stats(&lower, arguments, span) {
            return column;
        }
        if let Some(function) = aggregates::find(&lower) {
            let aggregate = self.aggregate_call(function, arguments, span)?;
            let text = self.text(span);
            self.misused(
                span,
                format!("aggregate function [{text}] not allowed outside STATS command"),
            );
            let null = constant::null(aggregate.data_type);
            return Ok(self.typed(span, aggregate.data_type, ExprKind::Constant(null)));
        }
        if functions::lookup(&lower).is_none() {
            // What is wrong inside of it is said first, and alone.
            self.all(&views)?;
            return self.unknown_function(name, &lower, span);
        }
        if lower.starts_with("to_") && arguments.len() == 1 {
            let lower = self.with_options(&lower, options);
            let argument = self.convertible(&arguments[0])?;
            return self.invoke(&lower, vec![argument], span);
        }
        let before = self.check_grouping(&lower, span);
        let lazy = LAZY.contains(&lower.as_str());
        self.lazy += usize::from(lazy);
        let arguments = self.all(&views);
        self.lazy -= usize::from(lazy);
        self.leave_grouping(before);
        let mut arguments = arguments?;
        let is_constant = |argument: &Expr| argument.is_constant_tree();
        if lazy && !arguments.iter().all(is_constant) {
            // Elasticsearch works out constants within a call that isn't one.
            for at in reached(&lower, &arguments) {
                self.settle(&mut arguments[at]);
            }
        }
        if OVER_TIME.contains(&lower.as_str()) {
            arguments.push(self.timestamp_of(span)?);
        }
        self.invoke(&lower, arguments, span)
    }

    /// The `@timestamp` that a function takes without being given it.
    fn timestamp_of(&mut self, span: Span) -> Result<Expr, Unresolved> {
        if let Some(found) = self.attribute(TIMESTAMP) {
            return Ok(Expr::column(&found.name, found.data_type));
        }
        let message = format!(
            "[{}] requires a [{TIMESTAMP}] field of type date or date_nanos to be present when run, but it was not present",
            self.text(span)
        );
        self.problem(span, message)
    }

    /// `TO_IP` reads leading zeros as its option says: each way is a function of its own.
    fn with_options(&self, name: &str, options: Option<&[(String, ast::Expr)]>) -> String {
        for (option, value) in options.unwrap_or_default() {
            if let ast::ExprKind::Literal(ast::Literal::String(chosen)) = &value.kind {
                let special = format!("{name}_{option}_{}", chosen.to_lowercase());
                if functions::lookup(&special).is_some() {
                    return special;
                }
            }
        }
        name.to_owned()
    }

    fn unknown_function(
        &mut self,
        name: &Identifier,
        lower: &str,
        span: Span,
    ) -> Result<Expr, Unresolved> {
        let mut names: Vec<String> = functions::names()
            .map(str::to_owned)
            .chain(aggregates::names())
            .chain(full_text::FUNCTIONS.iter().map(|name| (*name).to_owned()))
            .collect();
        names.sort();
        names.dedup();
        let near = similar(lower, names.iter().map(String::as_str));
        self.problem(
            span,
            format!("Unknown function [{}]{}", name.text, hint(&near)),
        )
    }

    /// A function of the table over typed arguments.
    pub(super) fn invoke(
        &mut self,
        name: &str,
        mut arguments: Vec<Expr>,
        span: Span,
    ) -> Result<Expr, Unresolved> {
        let Some(function) = functions::lookup(name) else {
            let message = format!("Unknown function [{}]", name.to_uppercase());
            return self.problem(span, message);
        };
        let text = self.text(span);
        self.stand_in(name, function, text, &mut arguments)?;
        if let [only] = arguments.as_slice()
            && only.data_type == DataType::Unsupported
        {
            return self.converted_conflict(name, function, arguments, span);
        }
        match function.resolve(text, &described(&arguments)) {
            Ok(data_type) => {
                if let Some(refusal) = function.refuse(text, &self.with_known(&arguments)) {
                    self.refused(refusal, &arguments, span);
                    let kind = ExprKind::Call {
                        name: name.to_owned(),
                        function,
                        arguments,
                    };
                    return Ok(self.typed(span, data_type, kind));
                }
                Ok(self.folded(name, function, arguments, data_type, span))
            }
            Err(message) if message.starts_with("error building [") => {
                Err(Error::Parsing { span, message }.into())
            }
            Err(message) => {
                // What has to be a constant is complained about where it stands.
                let culprit = arguments.iter().find(|argument| {
                    name != "round_to" && message.ends_with(&not_constant(&argument.text))
                });
                let span = culprit.map_or(span, |argument| argument.span);
                self.problem(span, message)
            }
        }
    }

    /// Elasticsearch finds it when it works out constants, and a wrong order of `MV_SORT` over
    /// other values in its last check of the plan.
    fn refused(&mut self, refusal: Error, arguments: &[Expr], span: Span) {
        let foldable = arguments
            .iter()
            .all(|argument| self.known_value(argument).is_some());
        let refusal = match refusal {
            Error::IllegalArgument(message)
                if message.starts_with("Invalid order value") && !foldable =>
            {
                let span = arguments.get(1).map_or(span, |order| order.span);
                Error::Verification(vec![Problem { span, message }])
            }
            other => other,
        };
        self.refusal.get_or_insert(refusal);
    }

    /// A field with several types under a conversion: each type has to be convertible.
    fn converted_conflict(
        &mut self,
        name: &str,
        function: &'static dyn Function,
        arguments: Vec<Expr>,
        span: Span,
    ) -> Result<Expr, Unresolved> {
        let text = self.text(span);
        let ExprKind::Column(column) = &arguments[0].kind else {
            return self.problem(span, format!("Cannot use [{text}]"));
        };
        let attribute = self.attribute(column).cloned();
        let Some((attribute, conflict)) =
            attribute.and_then(|found| Some((found.clone(), found.conflict?)))
        else {
            return self.problem(span, format!("Cannot use [{text}]"));
        };
        let mut result = None;
        for (_, data_type, _) in &conflict.types {
            let mut one = arguments[0].clone();
            one.data_type = *data_type;
            match function.resolve(text, &described(std::slice::from_ref(&one))) {
                Ok(data_type) => result = Some(data_type),
                Err(_) => {
                    let message = super::conflict::message(&attribute);
                    return self.problem(arguments[0].span, message);
                }
            }
        }
        let data_type = result.unwrap_or(DataType::Null);
        let kind = ExprKind::Call {
            name: name.to_owned(),
            function,
            arguments,
        };
        Ok(self.typed(span, data_type, kind))
    }

    /// String constants become dates, addresses, versions or numbers where those are wanted.
    fn stand_in(
        &mut self,
        name: &str,
        function: &'static dyn Function,
        text: &str,
        arguments: &mut [Expr],
    ) -> Result<(), Unresolved> {
        if COMPARISONS.contains(&name) || name == "in" {
            let other = arguments
                .iter()
                .map(|argument| argument.data_type)
                .find(|data_type| stands_for(*data_type));
            if let Some(to) = other {
                for argument in arguments.iter_mut() {
                    self.replace(argument, to)?;
                }
            }
            return Ok(());
        }
        if ARITHMETIC.contains(&name) {
            return self.stand_beside(arguments);
        }
        if matches!(name, "and" | "or") {
            return Ok(());
        }
        if MIX_NUMBERS.contains(&name) {
            return self.widen(name, arguments);
        }
        if TAKE_ANY_TYPE.contains(&name) || name.starts_with("to_") {
            return Ok(());
        }
        let mut described = described(arguments);
        if function.resolve(text, &described).is_ok() {
            return Ok(());
        }
        for index in 0..arguments.len() {
            if !is_string_constant(&arguments[index]) {
                continue;
            }
            let before = described[index].clone();
            for to in constant::STRINGS_STAND_FOR {
                described[index].data_type = to;
                described[index].constant = None;
                if to.is_span() {
                    let written = arguments[index].constant();
                    let now_ms = self.outer.now_ms;
                    described[index].constant =
                        written.and_then(|column| constant::convert(column, to, now_ms).ok());
                }
                if function.resolve(text, &described).is_err() {
                    continue;
                }
                if to.is_span() {
                    self.replace_with_span(&mut arguments[index])?;
                } else {
                    self.replace(&mut arguments[index], to)?;
                }
                break;
            }
            described[index] = before;
        }
        Ok(())
    }

    /// A string beside a date, a span, an address, a version or a boolean in arithmetic.
    fn stand_beside(&mut self, arguments: &mut [Expr]) -> Result<(), Unresolved> {
        let types: Vec<DataType> = arguments
            .iter()
            .map(|argument| argument.data_type)
            .collect();
        for (at, argument) in arguments.iter_mut().enumerate() {
            let other = types.get(1 - at.min(1)).copied().unwrap_or(DataType::Null);
            if other.is_date() {
                self.replace_with_span(argument)?;
            }
            let to = match other {
                DataType::DatePeriod | DataType::TimeDuration => DataType::Date,
                DataType::Boolean => {
                    if is_string_constant(argument) {
                        argument.data_type = DataType::Boolean;
                    }
                    continue;
                }
                other => other,
            };
            if stands_for(to) && argument.data_type.is_string() {
                self.replace(argument, to)?;
            }
        }
        Ok(())
    }

    /// Numbers among the values as the first of their types, where that is the widest.
    fn widen(&mut self, name: &str, arguments: &mut [Expr]) -> Result<(), Unresolved> {
        let count = arguments.len();
        let is_value = |index: usize| name != "case" || index % 2 == 1 || index + 1 == count;
        let numbers: Vec<DataType> = arguments
            .iter()
            .enumerate()
            .filter(|(index, argument)| is_value(*index) && argument.data_type.is_numeric())
            .map(|(_, argument)| argument.data_type)
            .collect();
        let Some(to) = numbers.first().copied() else {
            return Ok(());
        };
        let width = |number: &DataType| (*number == DataType::Double, *number);
        let narrows = numbers.iter().any(|number| width(number) > width(&to));
        if narrows || numbers.contains(&DataType::UnsignedLong) {
            return Ok(());
        }
        let Some(conversion) = constant::conversion(to) else {
            return Ok(());
        };
        for (index, argument) in arguments.iter_mut().enumerate() {
            let narrow = argument.data_type.is_numeric()
                && argument.data_type != DataType::UnsignedLong
                && argument.data_type != to;
            if is_value(index) && narrow {
                let (span, text) = (argument.span, argument.text.clone());
                *argument = self.invoke(conversion, vec![argument.clone()], span)?;
                argument.text = text;
            }
        }
        Ok(())
    }

    fn replace(&mut self, argument: &mut Expr, to: DataType) -> Result<(), Unresolved> {
        if !is_string_constant(argument) {
            return Ok(());
        }
        let ExprKind::Constant(column) = &argument.kind else {
            return Ok(());
        };
        match constant::convert(column, to, self.outer.now_ms) {
            Ok(column) => {
                argument.data_type = column.data_type;
                argument.kind = ExprKind::Constant(column);
                Ok(())
            }
            Err(reason) => {
                let value = constant::string(column).unwrap_or_default();
                let to = to.message_name().to_uppercase();
                let message =
                    format!("Cannot convert string [{value}] to [{to}], error [{reason}]");
                self.problem(argument.span, message)
            }
        }
    }

    fn replace_with_span(&mut self, argument: &mut Expr) -> Result<(), Unresolved> {
        if !is_string_constant(argument) {
            return Ok(());
        }
        let ExprKind::Constant(column) = &argument.kind else {
            return Ok(());
        };
        for to in [DataType::DatePeriod, DataType::TimeDuration] {
            if let Ok(column) = constant::convert(column, to, self.outer.now_ms) {
                argument.data_type = to;
                argument.kind = ExprKind::Constant(column);
                break;
            }
        }
        Ok(())
    }

    /// The value of a constant, or of a column that has one value for all rows.
    fn known_value(&self, argument: &Expr) -> Option<functions::Column> {
        match &argument.kind {
            ExprKind::Constant(column) => Some(column.clone()),
            ExprKind::Column(name) => self.constants.get(name).cloned(),
            _ => None,
        }
    }

    fn with_known(&self, arguments: &[Expr]) -> Vec<Argument> {
        let mut described = described(arguments);
        for (argument, known) in described.iter_mut().zip(arguments) {
            argument.constant = self.known_value(known);
        }
        described
    }

    /// A call of constants only is worked out here and now.
    fn folded(
        &self,
        name: &str,
        function: &'static dyn Function,
        arguments: Vec<Expr>,
        data_type: DataType,
        span: Span,
    ) -> Expr {
        let constants: Option<Vec<functions::Column>> = arguments
            .iter()
            .map(|argument| self.known_value(argument))
            .collect();
        let unfolded = |arguments| {
            let kind = ExprKind::Call {
                name: name.to_owned(),
                function,
                arguments,
            };
            self.typed(span, data_type, kind)
        };
        let Some(constants) = constants else {
            return unfolded(arguments);
        };
        let several = |column: &functions::Column| {
            let list = column
                .values
                .as_any()
                .downcast_ref::<arrow::array::ListArray>();
            list.is_some_and(|list| list.value_length(0) > 1)
        };
        if name == "case" && constants.iter().step_by(2).any(several) {
            // A condition with several values warns in its own name.
            return unfolded(arguments);
        }
        // Elasticsearch folds a list with a null in it to null, whatever else is in it.
        let null_in_list = name == "in"
            && constants
                .iter()
                .any(|column| column.data_type == DataType::Null);
        if null_in_list {
            let null = ExprKind::Constant(constant::null(data_type));
            return self.typed(span, data_type, null);
        }
        let failures = Warnings::default();
        let call = Call {
            text: self.text(span),
            span,
            warnings: if self.lazy > 0 {
                &failures
            } else {
                self.outer.warnings
            },
            now_ms: self.outer.now_ms,
            result: data_type,
            rows: 1,
        };
        let column = function.evaluate(&call, &constants);
        if !failures.texts().is_empty() {
            // It fails only if a row really comes to it.
            return unfolded(arguments);
        }
        self.typed(span, data_type, ExprKind::Constant(column))
    }
}

/// Complains about the first call with a wrong number of arguments: Elasticsearch does so before it
/// looks at anything else.
pub(super) fn counted(query: &ast::Query, text: &str) -> Result<(), Error> {
    let mut found = None;
    each_expression(query, &mut |expression| {
        let ast::ExprKind::Call {
            name, arguments, ..
        } = &expression.kind
        else {
            return;
        };
        let (lower, span) = (name.text.to_lowercase(), expression.span);
        let message = match (aggregates::find(&lower), functions::lookup(&lower)) {
            (Some(aggregate), _) => {
                let wanted = aggregate.arguments;
                let fits = (wanted.least..=wanted.most).contains(&arguments.len());
                (!fits).then(|| format!("error building [{lower}]: expects {}", wanted.words))
            }
            (None, Some(function)) => {
                let nothing = Argument {
                    text: String::new(),
                    span,
                    data_type: DataType::Null,
                    constant: None,
                };
                let given = arguments.len() + usize::from(OVER_TIME.contains(&lower.as_str()));
                let resolved = function.resolve(span.text(text), &vec![nothing; given]);
                resolved
                    .err()
                    .filter(|message| message.starts_with("error building ["))
            }
            (None, None) => None,
        };
        if let Some(message) = message {
            found.get_or_insert(Error::Parsing { span, message });
        }
    });
    found.map_or(Ok(()), Err)
}

fn not_constant(text: &str) -> String {
    format!("must be a constant, received [{text}]")
}

/// Types that a string constant is turned into when it is compared with them.
fn stands_for(data_type: DataType) -> bool {
    matches!(
        data_type,
        DataType::Date | DataType::DateNanos | DataType::Ip | DataType::Version | DataType::Boolean
    )
}

fn is_string_constant(argument: &Expr) -> bool {
    argument.data_type == DataType::Keyword && argument.constant().is_some()
}

/// Arguments as [`Function::resolve`] sees them.
pub(super) fn described(arguments: &[Expr]) -> Vec<Argument> {
    let describe = |argument: &Expr| Argument {
        data_type: argument.data_type,
        text: argument.text.to_string(),
        span: argument.span,
        constant: argument.constant().cloned(),
    };
    arguments.iter().map(describe).collect()
}
