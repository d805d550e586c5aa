//! `DISSECT` and `GROK`.

use std::sync::Arc;

use super::{Analyzer, Unresolved};
use crate::ast::{self, Span};
use crate::datatype::DataType;
use crate::dissect::{Dissector, Wrong};
use crate::error::Error;
use crate::grok::Grok;
use crate::plan::{Attribute, Expr, Extract, Extractor, Step};

impl Analyzer<'_> {
    pub(super) fn dissect(&mut self, dissect: &ast::Dissect, span: Span) -> Result<(), Unresolved> {
        let ast::Dissect {
            input,
            pattern,
            append_separator,
            ..
        } = dissect;
        let separator = append_separator.as_deref().unwrap_or_default();
        let dissector = Dissector::new(pattern, separator).map_err(|wrong| {
            let message = match wrong {
                Wrong::Pattern => format!("Invalid pattern for dissect: [{pattern}]"),
                Wrong::Reference(key) => {
                    format!("Reference keys not supported in dissect patterns: [{key}]")
                }
            };
            Error::Parsing { span, message }
        })?;
        let names = dissector.names().iter();
        let outputs = names
            .map(|name| (name.clone(), DataType::Keyword))
            .collect();
        self.extract("Dissect", input, Arc::new(dissector), outputs)
    }

    pub(super) fn grok(&mut self, grok: &ast::Grok, span: Span) -> Result<(), Unresolved> {
        let patterns: Vec<&str> = grok
            .patterns
            .iter()
            .map(|(text, _)| text.as_str())
            .collect();
        let made = Grok::new(&patterns).map_err(|message| Error::Parsing { span, message })?;
        let fields = made.fields();
        let outputs = fields
            .map(|(name, data_type)| (name.to_owned(), data_type))
            .collect();
        self.extract("Grok", &grok.input, Arc::new(made), outputs)
    }

    fn extract(
        &mut self,
        command: &str,
        input: &ast::Expr,
        extractor: Arc<dyn Extractor>,
        outputs: Vec<(String, DataType)>,
    ) -> Result<(), Unresolved> {
        let input: Expr = self.expression(input)?;
        if !input.data_type.is_string() && input.data_type != DataType::Null {
            let message = format!(
                "{command} only supports KEYWORD or TEXT values, found expression [{}] type [{}]",
                input.text,
                input.data_type.message_name().to_uppercase()
            );
            return self.problem(input.span, message);
        }
        for (name, data_type) in &outputs {
            self.add(Attribute::computed(name, *data_type));
        }
        self.steps.push(Step::Extract(Extract {
            input,
            extractor,
            outputs,
        }));
        Ok(())
    }
}
