//! `CASE` and `COALESCE`: constants within them fail only where they are reached.

use arrow::array::{Array, AsArray};

use super::Analyzer;
use crate::functions::{self, Call};
use crate::plan::{Expr, ExprKind};

/// Functions that don't work out every argument for every row.
pub(super) const LAZY: [&str; 2] = ["case", "coalesce"];

impl Analyzer<'_> {
    /// Works out calls of constants that were left alone, and says how they fail.
    pub(super) fn settle(&self, expression: &mut Expr) {
        let ExprKind::Call {
            name,
            function,
            arguments,
        } = &mut expression.kind
        else {
            return;
        };
        if LAZY.contains(&name.as_str()) {
            return;
        }
        arguments
            .iter_mut()
            .for_each(|argument| self.settle(argument));
        let constants: Option<Vec<functions::Column>> = arguments
            .iter()
            .map(|argument| argument.constant().cloned())
            .collect();
        let Some(constants) = constants else {
            return;
        };
        let call = Call {
            text: &expression.text,
            span: expression.span,
            warnings: self.outer.warnings,
            now_ms: self.outer.now_ms,
            result: expression.data_type,
            rows: 1,
        };
        let column = function.evaluate(&call, &constants);
        expression.kind = ExprKind::Constant(column);
    }
}

/// The arguments of a lazy call that may be reached, by what is known of those before them.
pub(super) fn reached(name: &str, arguments: &[Expr]) -> Vec<usize> {
    let mut found = Vec::new();
    if name == "coalesce" {
        for (at, argument) in arguments.iter().enumerate() {
            found.push(at);
            let known = argument.constant();
            if known.is_some_and(|known| known.values.is_valid(0)) {
                break;
            }
        }
        return found;
    }
    for pair in 0..arguments.len() / 2 {
        match arguments[pair * 2].constant().map(is_true) {
            None => found.extend([pair * 2, pair * 2 + 1]),
            Some(true) => {
                found.push(pair * 2 + 1);
                return found;
            }
            Some(false) => {}
        }
    }
    if arguments.len() % 2 == 1 {
        found.push(arguments.len() - 1);
    }
    found
}

/// Whether a constant is one true.
fn is_true(constant: &functions::Column) -> bool {
    let values = constant.values.as_boolean_opt();
    values.is_some_and(|values| values.is_valid(0) && values.value(0))
}
