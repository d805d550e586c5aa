//! Elasticsearch's data types, and how each lies in Arrow arrays.
//!
//! The one rule of the whole engine: a column's values are either an array of the scalar type
//! below (every row has one value or null), or a `List` of it (some row may have several). Which
//! of the two it is can be seen from the array; the ES|QL type is the same. An empty list never
//! occurs: no value is null. Elements of a list are never null.

use arrow::datatypes::{DataType as Arrow, TimeUnit};

/// A calendar span as one number: months in the upper 32 bits, days in the lower ones.
pub fn pack_period(months: i32, days: i32) -> i64 {
    (i64::from(months) << 32) | i64::from(days as u32)
}

/// Months and days of a calendar span; the inverse of [`pack_period`].
pub fn unpack_period(packed: i64) -> (i32, i32) {
    ((packed >> 32) as i32, packed as i32)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DataType {
    Null,
    Boolean,
    /// `byte` and `short` too.
    Integer,
    Long,
    UnsignedLong,
    /// `float`, `half_float` and `scaled_float` too.
    Double,
    Keyword,
    Text,
    /// Milliseconds since 1970, UTC. Its name in answers is `date`; in messages `datetime`.
    Date,
    DateNanos,
    /// 16 bytes, IPv4 mapped into IPv6: their order is the order of addresses.
    Ip,
    /// Bytes whose order is the order of versions (see `functions::version`).
    Version,
    DenseVector,
    /// The document as JSON text.
    Source,
    /// Calendar spans, only as constants: an `i64` made by [`pack_period`].
    DatePeriod,
    /// Fixed spans, only as constants: milliseconds.
    TimeDuration,
    GeoPoint,
    GeoShape,
    CartesianPoint,
    CartesianShape,
    /// A field that has no one type (conflicts between indices, or a type ES|QL can't read).
    Unsupported,
}

impl DataType {
    /// The name in an answer's `columns` and in messages. (`date` is called `datetime` in some
    /// messages; see [`DataType::message_name`].)
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Long => "long",
            Self::UnsignedLong => "unsigned_long",
            Self::Double => "double",
            Self::Keyword => "keyword",
            Self::Text => "text",
            Self::Date => "date",
            Self::DateNanos => "date_nanos",
            Self::Ip => "ip",
            Self::Version => "version",
            Self::DenseVector => "dense_vector",
            Self::Source => "_source",
            Self::DatePeriod => "date_period",
            Self::TimeDuration => "time_duration",
            Self::GeoPoint => "geo_point",
            Self::GeoShape => "geo_shape",
            Self::CartesianPoint => "cartesian_point",
            Self::CartesianShape => "cartesian_shape",
            Self::Unsupported => "unsupported",
        }
    }

    pub fn message_name(self) -> &'static str {
        match self {
            Self::Date => "datetime",
            other => other.name(),
        }
    }

    /// The scalar Arrow type. `Null` and `Unsupported` are Arrow's `Null`.
    pub fn arrow(self) -> Arrow {
        match self {
            Self::Null | Self::Unsupported => Arrow::Null,
            Self::Boolean => Arrow::Boolean,
            Self::Integer => Arrow::Int32,
            Self::Long | Self::DatePeriod | Self::TimeDuration => Arrow::Int64,
            Self::UnsignedLong => Arrow::UInt64,
            Self::Double => Arrow::Float64,
            Self::Keyword | Self::Text | Self::Source => Arrow::Utf8,
            Self::GeoPoint | Self::GeoShape | Self::CartesianPoint | Self::CartesianShape => {
                Arrow::Utf8
            }
            Self::Date => Arrow::Timestamp(TimeUnit::Millisecond, None),
            Self::DateNanos => Arrow::Timestamp(TimeUnit::Nanosecond, None),
            Self::Ip | Self::Version => Arrow::Binary,
            Self::DenseVector => Arrow::new_list(Arrow::Float32, false),
        }
    }

    /// The Arrow type where rows may have several values.
    pub fn arrow_list(self) -> Arrow {
        Arrow::new_list(self.arrow(), false)
    }

    pub fn is_string(self) -> bool {
        matches!(self, Self::Keyword | Self::Text)
    }

    pub fn is_numeric(self) -> bool {
        matches!(
            self,
            Self::Integer | Self::Long | Self::UnsignedLong | Self::Double
        )
    }

    pub fn is_whole_number(self) -> bool {
        matches!(self, Self::Integer | Self::Long | Self::UnsignedLong)
    }

    pub fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::DateNanos)
    }

    pub fn is_span(self) -> bool {
        matches!(self, Self::DatePeriod | Self::TimeDuration)
    }

    /// From the name of a field's type in a mapping. `None`: ES|QL has no type for it.
    pub fn from_mapping(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" => Self::Boolean,
            "byte" | "short" | "integer" => Self::Integer,
            "long" => Self::Long,
            "unsigned_long" => Self::UnsignedLong,
            "half_float" | "float" | "double" | "scaled_float" => Self::Double,
            "keyword" | "constant_keyword" | "wildcard" => Self::Keyword,
            "text" | "match_only_text" | "semantic_text" => Self::Text,
            "date" => Self::Date,
            "date_nanos" => Self::DateNanos,
            "ip" => Self::Ip,
            "version" => Self::Version,
            "dense_vector" => Self::DenseVector,
            _ => return None,
        })
    }
}
