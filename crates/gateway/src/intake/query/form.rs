//! The forms that an answer has: by `?format=`, else by `Accept`.

use axum::http::{HeaderMap, header};
use esql::answer::Separated;

use super::Wanted;
use crate::elastic::Refusal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    Separated(Separated),
    Table,
    Arrow,
}

impl Form {
    /// `format` says it, else the first media type of the header; anything else there is JSON.
    ///
    /// # Errors
    /// A format that isn't known, and a delimiter that can't be.
    pub fn of(wanted: &Wanted, headers: &HeaderMap) -> Result<Self, Refusal> {
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let accept = accept.split(',').next().unwrap_or_default();
        let mut parts = accept.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let header = match &wanted.header {
            Some(said) => said != "absent",
            None => !parts.any(|part| part.eq_ignore_ascii_case("header=absent")),
        };
        let csv = || -> Result<Self, Refusal> {
            let delimiter = delimiter(wanted.delimiter.as_deref())?;
            Ok(Self::Separated(Separated::Csv { delimiter, header }))
        };
        let tsv = Self::Separated(Separated::Tsv { header });
        match wanted.format.as_deref() {
            Some("json") => Ok(Self::Json),
            Some("csv") => csv(),
            Some("tsv") => Ok(tsv),
            Some("txt") => Ok(Self::Table),
            Some("arrow") => Ok(Self::Arrow),
            Some(other) => Err(Refusal::illegal(format!(
                "Invalid format [{other}]: expected json, csv, tsv, txt or arrow"
            ))),
            None => match media {
                "text/csv" => csv(),
                "text/tab-separated-values" => Ok(tsv),
                "text/plain" => Ok(Self::Table),
                "application/vnd.apache.arrow.stream" => Ok(Self::Arrow),
                _ => Ok(Self::Json),
            },
        }
    }

    /// # Errors
    /// Values by column are JSON's alone.
    pub fn check(self, columnar: bool) -> Result<(), Refusal> {
        if columnar && matches!(self, Self::Separated(_) | Self::Table) {
            return Err(Refusal::illegal(
                "Invalid use of [columnar] argument: cannot be used in combination with [txt, csv, tsv] formats",
            ));
        }
        Ok(())
    }

    pub fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Separated(Separated::Csv { header: true, .. }) => {
                "text/csv; charset=utf-8; header=present"
            }
            Self::Separated(Separated::Csv { header: false, .. }) => {
                "text/csv; charset=utf-8; header=absent"
            }
            Self::Separated(Separated::Tsv { .. }) => "text/tab-separated-values; charset=utf-8",
            Self::Table => "text/plain; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

fn delimiter(given: Option<&str>) -> Result<char, Refusal> {
    let Some(given) = given else {
        return Ok(',');
    };
    let mut letters = given.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else {
        let what = if given.is_empty() {
            "empty"
        } else {
            "multi-character"
        };
        return Err(Refusal::illegal(format!(
            "invalid {what} delimiter [{given}]"
        )));
    };
    match letter {
        '"' | '\n' | '\r' => Err(Refusal::illegal(format!(
            "illegal reserved character specified as delimiter [{letter}]"
        ))),
        '\t' => Err(Refusal::illegal(
            "illegal delimiter [TAB] specified as delimiter for the [csv] format; choose the [tsv] format instead",
        )),
        letter => Ok(letter),
    }
}
