//! `ENRICH`.

use super::similar::{hint, similar};
use super::{Analyzer, Unresolved};
use crate::ast::{self, NamePattern, Span};
use crate::datatype::DataType;
use crate::error::Error;
use crate::plan::{Attribute, Enrich, Step};

/// Where a policy is asked on several clusters; here there is one.
const MODES: [&str; 3] = ["_any", "_coordinator", "_remote"];

impl Analyzer<'_> {
    pub(super) fn enrich(&mut self, enrich: &ast::Enrich, span: Span) -> Result<(), Unresolved> {
        if let Some(mode) = &enrich.mode
            && !MODES.contains(&mode.to_lowercase().as_str())
        {
            let message = format!(
                "Unrecognized value [{mode}], ENRICH policy qualifier needs to be one of [_ANY, _COORDINATOR, _REMOTE]"
            );
            return Err(Error::Parsing { span, message }.into());
        }
        let Some(table) = self
            .outer
            .sources
            .policies
            .get(&enrich.policy.text)
            .cloned()
        else {
            let message = format!("cannot find enrich policy [{}]", enrich.policy.text);
            return self.problem(span, message);
        };
        let key = match &enrich.on {
            Some(on) => self.known(on)?,
            None => self.known(&NamePattern {
                text: table.match_field.clone(),
                pieces: vec![table.match_field.clone()],
                span,
            })?,
        };
        if key.data_type == DataType::Unsupported {
            return self.problem(span, super::conflict::message(&key));
        }
        let mut added: Vec<(usize, String)> = Vec::new();
        if enrich.with.is_empty() {
            let names = table.fields.iter().enumerate();
            added.extend(names.map(|(place, (name, _))| (place, name.clone())));
        }
        for (new, field) in &enrich.with {
            let place = table
                .fields
                .iter()
                .position(|(name, _)| *name == field.text);
            let Some(place) = place else {
                let names = table.fields.iter().map(|(name, _)| name.as_str());
                let message = format!(
                    "Enrich field [{}] not found in enrich policy [{}]{}",
                    field.text,
                    enrich.policy.text,
                    hint(&similar(&field.text, names))
                );
                self.problem::<()>(field.span, message).ok();
                continue;
            };
            let name = new.as_ref().map_or(&field.text, |new| &new.text);
            added.retain(|(_, known)| known != name);
            added.push((place, name.clone()));
        }
        if !self.problems.is_empty() {
            return Err(Unresolved::Reported);
        }
        for (place, name) in &added {
            self.add(Attribute::computed(name, table.fields[*place].1));
        }
        self.steps.push(Step::Enrich(Enrich {
            key: key.name,
            table,
            added,
        }));
        Ok(())
    }
}
