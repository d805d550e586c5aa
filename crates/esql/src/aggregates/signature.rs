//! Which types aggregates take and give, and what Elasticsearch says of others.

use crate::analyzer::constant::{number, string};
use crate::datatype::DataType;
use crate::functions::Argument;

pub type Resolved = Result<DataType, String>;

const NUMERIC: &str = "numeric except unsigned_long or counter types";
/// What sums and means take besides.
const SUMMED: &str = "aggregate_metric_double or numeric except unsigned_long or counter types";
/// What `TOP` takes.
const TOPPED: &str = "boolean, date, ip, string or numeric except unsigned_long or counter types";

fn wrong(text: &str, position: &str, wanted: &str, found: &Argument) -> String {
    format!(
        "{position}argument of [{text}] must be [{wanted}], found value [{}] type [{}]",
        found.text,
        found.data_type.message_name()
    )
}

fn first<'a>(text: &str, arguments: &'a [Argument]) -> Result<&'a Argument, String> {
    arguments
        .first()
        .ok_or_else(|| format!("[{text}] needs an argument"))
}

fn is_number(data_type: DataType) -> bool {
    data_type == DataType::Null || (data_type.is_numeric() && data_type != DataType::UnsignedLong)
}

pub fn boolean(text: &str, arguments: &[Argument]) -> Resolved {
    first(text, arguments)?;
    Ok(DataType::Boolean)
}

pub fn count(_: &str, _: &[Argument]) -> Resolved {
    Ok(DataType::Long)
}

pub fn count_distinct(text: &str, arguments: &[Argument]) -> Resolved {
    let argument = first(text, arguments)?;
    if matches!(
        argument.data_type,
        DataType::UnsignedLong | DataType::Source
    ) {
        let position = if arguments.len() > 1 { "first " } else { "" };
        let wanted = "any exact type except unsigned_long, _source, or counter types";
        return Err(wrong(text, position, wanted, argument));
    }
    if let Some(precision) = arguments.get(1) {
        let found = precision.data_type;
        if !found.is_whole_number() && found != DataType::UnsignedLong && found != DataType::Null {
            return Err(wrong(text, "second ", "integer", precision));
        }
        must_be_constant(text, "second", precision)?;
    }
    Ok(DataType::Long)
}

pub fn mean(text: &str, arguments: &[Argument]) -> Resolved {
    of_number(text, arguments, SUMMED)
}

pub fn spread_of_one(text: &str, arguments: &[Argument]) -> Resolved {
    of_number(text, arguments, NUMERIC)
}

fn of_number(text: &str, arguments: &[Argument], wanted: &str) -> Resolved {
    let argument = first(text, arguments)?;
    if !is_number(argument.data_type) {
        return Err(wrong(text, "", wanted, argument));
    }
    Ok(DataType::Double)
}

pub fn sum(text: &str, arguments: &[Argument]) -> Resolved {
    let argument = first(text, arguments)?;
    match argument.data_type {
        DataType::Double => Ok(DataType::Double),
        found if is_number(found) => Ok(DataType::Long),
        _ => Err(wrong(text, "", SUMMED, argument)),
    }
}

pub fn extreme(text: &str, arguments: &[Argument]) -> Resolved {
    let argument = first(text, arguments)?;
    match argument.data_type {
        DataType::UnsignedLong
        | DataType::DatePeriod
        | DataType::TimeDuration
        | DataType::Source
        | DataType::DenseVector
        | DataType::GeoPoint
        | DataType::GeoShape
        | DataType::CartesianPoint
        | DataType::CartesianShape => {
            let wanted = "representable except unsigned_long and spatial types";
            Err(wrong(text, "", wanted, argument))
        }
        DataType::Text => Ok(DataType::Keyword),
        found => Ok(found),
    }
}

pub fn percentile(text: &str, arguments: &[Argument]) -> Resolved {
    let argument = first(text, arguments)?;
    if !is_number(argument.data_type) {
        return Err(wrong(
            text,
            "first ",
            "numeric except unsigned_long",
            argument,
        ));
    }
    let Some(share) = arguments.get(1) else {
        return Err(format!("[{text}] needs a percentile"));
    };
    if !is_number(share.data_type) {
        return Err(wrong(
            text,
            "second ",
            "numeric except unsigned_long",
            share,
        ));
    }
    must_be_constant(text, "second", share)?;
    if share.constant.as_ref().and_then(number).is_none() {
        return Err(format!(
            "second argument of [{text}] must be one number, received [{}]",
            share.text
        ));
    }
    Ok(DataType::Double)
}

fn must_be_constant(text: &str, position: &str, argument: &Argument) -> Result<(), String> {
    if argument.constant.is_none() {
        return Err(format!(
            "{position} argument of [{text}] must be a constant, received [{}]",
            argument.text
        ));
    }
    Ok(())
}

pub fn sample(text: &str, arguments: &[Argument]) -> Resolved {
    let argument = first(text, arguments)?;
    if let Some(limit) = arguments.get(1) {
        must_be_constant(text, "second", limit)?;
        positive_limit(text, limit)?;
    }
    Ok(exact(argument.data_type))
}

fn positive_limit(text: &str, limit: &Argument) -> Result<(), String> {
    let value = limit.constant.as_ref().and_then(number);
    match value {
        Some(value) if value > 0.0 => Ok(()),
        _ => Err(format!(
            "Limit must be greater than 0 in [{text}], found [{}]",
            limit.text
        )),
    }
}

pub fn top(text: &str, arguments: &[Argument]) -> Resolved {
    let argument = first(text, arguments)?;
    let [_, limit, order, ..] = arguments else {
        return Err(format!("[{text}] needs three arguments"));
    };
    let topped = argument.data_type;
    let fits = is_number(topped)
        || topped.is_string()
        || matches!(topped, DataType::Boolean | DataType::Date | DataType::Ip);
    if !fits {
        return Err(wrong(text, "first ", TOPPED, argument));
    }
    for (argument, position) in [(limit, "second"), (order, "third")] {
        must_be_constant(text, position, argument)?;
        if argument.data_type == DataType::Null {
            return Err(format!(
                "{position} argument of [{text}] cannot be null, received [{}]",
                argument.text
            ));
        }
    }
    if !limit.data_type.is_whole_number() {
        return Err(wrong(text, "second ", "integer", limit));
    }
    if !order.data_type.is_string() {
        return Err(wrong(text, "third ", "string", order));
    }
    positive_limit(text, limit)?;
    let given = order.constant.as_ref().and_then(string).unwrap_or_default();
    if !["asc", "desc"].contains(&given.to_lowercase().as_str()) {
        return Err(format!(
            "Invalid order value in [{text}], expected [ASC, DESC] but got [{given}]"
        ));
    }
    Ok(exact(argument.data_type))
}

pub fn values(text: &str, arguments: &[Argument]) -> Resolved {
    let argument = first(text, arguments)?;
    if matches!(
        argument.data_type,
        DataType::UnsignedLong | DataType::Source
    ) {
        let wanted = "any type except unsigned_long";
        return Err(wrong(text, "", wanted, argument));
    }
    Ok(exact(argument.data_type))
}

pub fn at_extreme(text: &str, arguments: &[Argument]) -> Resolved {
    first(text, arguments).map(|argument| exact(argument.data_type))
}

pub fn weighted(text: &str, arguments: &[Argument]) -> Resolved {
    for (argument, position) in arguments.iter().zip(["first ", "second "]) {
        if !is_number(argument.data_type) {
            return Err(wrong(text, position, NUMERIC, argument));
        }
    }
    if let Some(weight) = arguments.get(1)
        && (weight.data_type == DataType::Null
            || weight.constant.as_ref().and_then(number) == Some(0.0))
    {
        return Err(format!(
            "SECOND argument of [{text}] cannot be null or 0, received [{}]",
            weight.text
        ));
    }
    Ok(DataType::Double)
}

/// Values taken out of texts are keywords.
fn exact(data_type: DataType) -> DataType {
    match data_type {
        DataType::Text => DataType::Keyword,
        other => other,
    }
}
