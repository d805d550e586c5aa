//! `FUSE`: every row's share of the score, then one row for each document.

use super::{Analyzer, FORK_COLUMN, Unresolved, constant};
use crate::ast::{self, NamePattern, Span};
use crate::datatype::DataType;
use crate::plan::{Aggregate, AggregateCall, Attribute, Expr, Fuse, FuseMethod, Named, Step};

/// Elasticsearch's `rank_constant` where none is given.
const RANK_CONSTANT: f64 = 60.0;

const SCORE_COLUMN: &str = "_score";
const KEY_COLUMNS: [&str; 2] = ["_id", "_index"];

impl Analyzer<'_> {
    pub(super) fn fuse(&mut self, fuse: &ast::Fuse, span: Span) -> Result<(), Unresolved> {
        let score = self.fuse_column(fuse.score.as_ref(), SCORE_COLUMN, span)?;
        if score.data_type != DataType::Double {
            let message = format!(
                "expected SCORE BY column [{}] to be DOUBLE, not {}",
                score.name,
                score.data_type.name().to_uppercase()
            );
            return self.problem(span, message);
        }
        let group = self.fuse_column(fuse.group.as_ref(), FORK_COLUMN, span)?;
        if !group.data_type.is_string() {
            let message = format!(
                "expected GROUP BY column [{}] to be KEYWORD or TEXT, not {}",
                group.name,
                group.data_type.name().to_uppercase()
            );
            return self.problem(span, message);
        }
        let mut keys = Vec::new();
        for key in &fuse.keys {
            keys.push(self.known(key)?);
        }
        if keys.is_empty() {
            for name in KEY_COLUMNS {
                keys.push(self.fuse_column(None, name, span)?);
            }
        }
        let method = self.fuse_method(fuse, span)?;
        let mut weights = Vec::new();
        for (name, weight) in &fuse.weights {
            weights.push((name.text.clone(), self.fuse_number(name, weight)?));
        }
        self.steps.push(Step::Fuse(Fuse {
            score: score.name.clone(),
            group: group.name,
            keys: keys.iter().map(|key| key.name.clone()).collect(),
            method,
            weights,
        }));
        self.one_row_a_key(&score.name, &keys, span);
        Ok(())
    }

    /// The column that was named, or the usual one.
    fn fuse_column(
        &mut self,
        given: Option<&NamePattern>,
        usual: &str,
        span: Span,
    ) -> Result<Attribute, Unresolved> {
        match given {
            Some(name) => self.known(name),
            None => self.known(&NamePattern {
                text: usual.to_owned(),
                pieces: vec![usual.to_owned()],
                span,
            }),
        }
    }

    fn fuse_method(&mut self, fuse: &ast::Fuse, span: Span) -> Result<FuseMethod, Unresolved> {
        let linear = fuse
            .method
            .as_ref()
            .is_some_and(|method| method.text.eq_ignore_ascii_case("linear"));
        let mut method = if linear {
            FuseMethod::Linear
        } else {
            FuseMethod::Rrf {
                rank_constant: RANK_CONSTANT,
            }
        };
        for (name, value) in &fuse.options {
            method = match (name.text.as_str(), linear) {
                ("rank_constant", false) => FuseMethod::Rrf {
                    rank_constant: self.fuse_number(name, value)?,
                },
                ("normalizer", true) => self.normalizer(value)?,
                (other, _) => {
                    let method = if linear { "linear" } else { "rrf" };
                    let message = format!("unknown option [{other}] of FUSE [{method}]");
                    return self.problem(span, message);
                }
            };
        }
        Ok(method)
    }

    fn normalizer(&mut self, value: &ast::Expr) -> Result<FuseMethod, Unresolved> {
        let ast::ExprKind::Literal(ast::Literal::String(name)) = &value.kind else {
            return self.problem(value.span, "expected [normalizer] to be a string");
        };
        match name.to_lowercase().as_str() {
            "none" => Ok(FuseMethod::Linear),
            "minmax" => Ok(FuseMethod::LinearMinMax),
            "l2_norm" => Ok(FuseMethod::LinearL2),
            _ => {
                let message =
                    format!("[{name}] is not a normalizer: it is one of none, minmax, l2_norm");
                self.problem(value.span, message)
            }
        }
    }

    /// Weights and the rank constant are positive.
    fn fuse_number(
        &mut self,
        name: &ast::Identifier,
        value: &ast::Expr,
    ) -> Result<f64, Unresolved> {
        let resolved = self.all(&[value])?;
        let number = resolved
            .first()
            .filter(|value| value.data_type.is_numeric())
            .and_then(Expr::constant)
            .and_then(constant::number);
        match number {
            Some(number) if number > 0.0 => Ok(number),
            _ => {
                let message = format!("expected [{}] to be a positive number", name.text);
                self.problem(value.span, message)
            }
        }
    }

    /// Scores of the same key are added; other columns keep all their values.
    fn one_row_a_key(&mut self, score: &str, keys: &[Attribute], span: Span) {
        let text = self.text(span).trim().to_owned();
        let is_key = |name: &str| keys.iter().any(|key| key.name == name);
        let columns: Vec<Attribute> = self
            .scope
            .iter()
            .filter(|column| column.data_type != DataType::Unsupported)
            .map(|column| Attribute::computed(&column.name, fused(column.data_type)))
            .collect();
        let aggregates = columns.iter().filter(|column| !is_key(&column.name));
        let aggregates = aggregates.map(|column| AggregateCall {
            name: column.name.clone(),
            function: if column.name == score {
                "SUM"
            } else {
                "VALUES"
            },
            arguments: vec![Expr::column(&column.name, column.data_type)],
            filter: None,
            data_type: column.data_type,
            text: text.clone(),
            span,
        });
        let groups = keys.iter().map(|key| Named {
            name: key.name.clone(),
            value: Expr::column(&key.name, key.data_type),
        });
        self.steps.push(Step::Aggregate(Aggregate {
            aggregates: aggregates.collect(),
            groups: groups.collect(),
        }));
        let same = |column: &Attribute| (column.name.clone(), column.name.clone());
        self.steps
            .push(Step::Project(columns.iter().map(same).collect()));
        self.constants.clear();
        self.scope = columns;
    }
}

/// `VALUES` of text are keywords.
fn fused(data_type: DataType) -> DataType {
    match data_type {
        DataType::Text => DataType::Keyword,
        other => other,
    }
}
