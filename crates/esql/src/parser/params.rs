//! Parameters become literals and names.

use serde_json::Value;

use super::*;

impl Parser<'_> {
    pub(super) fn parameter(&mut self, name: &str, span: Span) -> Result<ParameterKind, Error> {
        let found = if name.is_empty() {
            self.next_param += 1;
            self.params.get(self.next_param - 1)
        } else if let Ok(position) = name.parse::<usize>() {
            position
                .checked_sub(1)
                .and_then(|index| self.params.get(index))
        } else {
            let found = self.params.iter().find(|p| p.name.as_deref() == Some(name));
            if found.is_none() {
                return Err(Self::fail_at(
                    span,
                    format!("Unknown query parameter [{name}]"),
                ));
            }
            found
        };
        found.map(|parameter| parameter.kind.clone()).ok_or_else(|| {
            let given = self.params.len();
            if name.is_empty() {
                return Self::fail_at(span, format!("Not enough actual parameters {given}"));
            }
            Self::fail_at(
                span,
                format!("No parameter is defined for position {name}, did you mean any position between 1 and {given}?"),
            )
        })
    }

    /// A parameter as a name. Where a pattern may stand, `?name` isn't for values: those that
    /// are names are written `??name`.
    pub(super) fn parameter_name(
        &mut self,
        name: &str,
        span: Span,
        pattern: bool,
    ) -> Result<String, Error> {
        match self.parameter(name, span)? {
            ParameterKind::Identifier(text) | ParameterKind::Pattern(text) => Ok(text),
            ParameterKind::Value(Value::String(value)) if pattern => Err(Self::fail_at(
                span,
                format!(
                    "Query parameter [?{name}] with value [{value}] declared as a constant, cannot be used as an identifier or pattern"
                ),
            )),
            ParameterKind::Value(Value::String(text)) => Ok(text),
            ParameterKind::Value(value) => Err(Self::fail_at(
                span,
                format!(
                    "Query parameter [{name}] with value [{value}] declared as a constant, cannot be used as an identifier"
                ),
            )),
        }
    }
}

pub(super) fn literal(value: &Value) -> Literal {
    match value {
        Value::Null | Value::Object(_) => Literal::Null,
        Value::Bool(value) => Literal::Boolean(*value),
        Value::String(text) => Literal::String(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => whole_literal(whole),
            (None, Some(whole)) => Literal::UnsignedLong(whole),
            _ => Literal::Double(number.as_f64().unwrap_or(0.0)),
        },
        Value::Array(items) => Literal::List(items.iter().map(literal).collect()),
    }
}

pub(super) fn whole_literal(value: i64) -> Literal {
    i32::try_from(value).map_or(Literal::Long(value), Literal::Integer)
}
