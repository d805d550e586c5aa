//! The API's resources, one file each.

use std::fmt;
use std::marker::PhantomData;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use model::IncidentId;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::auth::Principal;
use crate::problem::Problem;
use crate::routes::MAX_BODY;
use crate::state::Gateway;

pub mod automation;
pub mod care;
pub mod evidence;
pub mod incidents;
pub mod lessons;
pub mod lineage;
pub mod marks;
pub mod observe;
pub mod proposals;
pub mod silences;
pub mod stream;
pub mod tokens;

/// A JSON body; what is wrong with it is a problem document.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Gateway> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Gateway) -> Result<Self, Problem> {
        match axum::Json::<Object<T>>::from_request(request, state).await {
            Ok(axum::Json(Object(body))) => Ok(Self(body)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let text = format!("the body is over {MAX_BODY} bytes");
                Err(Problem::new(rejection.status(), text))
            }
            Err(rejection) => Err(Problem::new(
                rejection.status(),
                said(&rejection.body_text()),
            )),
        }
    }
}

/// A JSON object. A derived type reads an array, too, as the values of its fields in order; nobody
/// means that.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(body: D) -> Result<Self, D::Error> {
        body.deserialize_map(Fields(PhantomData))
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Object<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
}

/// Parameters behind the question mark.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Gateway> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Gateway) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(Problem::bad(said(&rejection.body_text()))),
        }
    }
}

/// What is wrong, without the framework's own words before it.
fn said(text: &str) -> String {
    let own = [
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to parse the request body as JSON: ",
        "Failed to deserialize query string: ",
    ];
    let rest = own.iter().find_map(|own| text.strip_prefix(own));
    rest.unwrap_or(text).to_owned()
}

impl FromRequestParts<Gateway> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "nobody is asking"))
    }
}

/// An incident's id from a path.
pub fn incident_id(text: &str) -> Result<IncidentId, Problem> {
    let incident = IncidentId::parse(text).filter(|id| !id.is_system());
    incident.ok_or_else(|| {
        Problem::not_found(format!(
            "incident {text} not found: ids look like INC-202611-0a1b2c3d4e5f"
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::Object;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Two {
        first: Option<u8>,
        second: Option<u8>,
    }

    #[test]
    fn a_body_is_an_object() {
        let read = |text: &str| {
            let read: Result<Object<Two>, _> = serde_json::from_str(text);
            read.map(|Object(two)| two)
                .map_err(|error| error.to_string())
        };
        let two = Two {
            first: Some(1),
            second: None,
        };
        assert_eq!(read("{\"first\": 1}"), Ok(two));
        for text in ["[1, 2]", "[]", "1", "null"] {
            let error = read(text).err();
            assert!(error.is_some_and(|error| error.contains("expected an object")));
        }
    }
}
