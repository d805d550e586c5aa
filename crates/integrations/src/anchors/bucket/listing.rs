//! What S3 answers with: listings of keys, listings of versions, and refusals, all in XML.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::Error;

/// An object that holds a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub size: u64,
    /// The first version of its key; `None`: the bucket was asked for keys alone.
    pub version: Option<String>,
    /// Versions and marks of deletion that came later.
    pub later: u32,
}

/// Where the next listing goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Token(String),
    Version { key: String, version: String },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    is_truncated: bool,
    next_continuation_token: Option<String>,
    next_key_marker: Option<String>,
    next_version_id_marker: Option<String>,
    #[serde(default)]
    contents: Vec<Entry>,
    #[serde(default)]
    version: Vec<Entry>,
    #[serde(default)]
    delete_marker: Vec<Mark>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    size: u64,
    version_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mark {
    key: String,
}

/// Takes a listing in, which may go on where the one before ended: objects by number, as `number`
/// reads it from a key. Keys that it doesn't know aren't ours.
///
/// # Errors
/// [`Error::CannotTell`]: the listing isn't whole.
pub(super) fn take(
    name: &str,
    body: &[u8],
    objects: &mut BTreeMap<u64, Object>,
    number: impl Fn(&str) -> Option<u64>,
) -> Result<Option<Next>, Error> {
    let cut = |why: &str| Error::CannotTell(format!("{name}: the listing isn't whole: {why}"));
    let text = std::str::from_utf8(body).map_err(|error| cut(&error.to_string()))?;
    let listing: Listing =
        quick_xml::de::from_str(text).map_err(|error| cut(&error.to_string()))?;
    for entry in listing.contents {
        if let Some(seq) = number(&entry.key) {
            let object = Object {
                size: entry.size,
                version: None,
                later: 0,
            };
            objects.insert(seq, object);
        }
    }
    // Of each key the newest version comes first: the last that is seen is the first that was.
    for entry in listing.version {
        if let Some(seq) = number(&entry.key) {
            let later = objects.get(&seq).map_or(0, |newer| newer.later + 1);
            let version = entry
                .version_id
                .ok_or_else(|| cut("a version has no VersionId"))?;
            let object = Object {
                size: entry.size,
                version: Some(version),
                later,
            };
            objects.insert(seq, object);
        }
    }
    for mark in listing.delete_marker {
        if let Some(object) = number(&mark.key).and_then(|seq| objects.get_mut(&seq)) {
            object.later += 1;
        }
    }
    if !listing.is_truncated {
        return Ok(None);
    }
    // Some servers name the elements and leave them empty.
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    match (
        said(listing.next_continuation_token),
        said(listing.next_key_marker),
    ) {
        (Some(token), _) => Ok(Some(Next::Token(token))),
        (None, Some(key)) => Ok(Some(Next::Version {
            key,
            version: listing.next_version_id_marker.unwrap_or_default(),
        })),
        (None, None) => Err(cut("it is truncated, and doesn't say where it goes on")),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Refusal {
    code: String,
    message: String,
}

/// `Code: Message` of a refusal, or its text where it isn't one of S3's.
pub(super) fn refusal(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match quick_xml::de::from_str::<Refusal>(&text) {
        Ok(refusal) if !refusal.code.is_empty() => {
            format!("{}: {}", refusal.code, refusal.message)
        }
        _ => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(key: &str) -> Option<u64> {
        key.strip_prefix("a/")?.parse().ok()
    }

    fn taken(body: &str) -> Result<(BTreeMap<u64, Object>, Option<Next>), Error> {
        let mut objects = BTreeMap::new();
        let next = take("s3", body.as_bytes(), &mut objects, number)?;
        Ok((objects, next))
    }

    #[test]
    fn a_listing_gives_our_keys_and_where_it_goes_on() {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Name>b</Name><Prefix>a/</Prefix><KeyCount>3</KeyCount><IsTruncated>true</IsTruncated>\
            <NextContinuationToken>a&amp;b==</NextContinuationToken>\
            <Contents><Key>a/1</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;x&quot;</ETag><Size>7</Size></Contents>\
            <Contents><Key>a/else</Key><Size>1</Size></Contents>\
            <Contents><Key>a/2</Key><Size>9</Size></Contents></ListBucketResult>";
        let (objects, next) = taken(body).expect("whole");
        assert_eq!(next, Some(Next::Token("a&b==".to_owned())));
        let sizes: Vec<_> = objects.iter().map(|(seq, it)| (*seq, it.size)).collect();
        assert_eq!(sizes, [(1, 7), (2, 9)]);
        for cut in [60, 200, 400, body.len() - 5] {
            assert!(
                matches!(taken(&body[..cut]), Err(Error::CannotTell(_))),
                "cut at {cut}"
            );
        }
        let lost = body.replace("NextContinuationToken", "Other");
        assert!(taken(&lost).is_err_and(|error| error.to_string().contains("goes on")));
    }

    #[test]
    fn the_first_version_counts_and_later_ones_are_counted() {
        let body = "<ListVersionsResult><IsTruncated>false</IsTruncated>\
            <DeleteMarker><Key>a/1</Key><VersionId>v3</VersionId></DeleteMarker>\
            <Version><Key>a/1</Key><VersionId>v2</VersionId><Size>8</Size></Version>\
            <Version><Key>a/1</Key><VersionId>v1</VersionId><Size>7</Size></Version>\
            <DeleteMarker><Key>a/2</Key><VersionId>w2</VersionId></DeleteMarker>\
            <Version><Key>a/2</Key><VersionId>w1</VersionId><Size>9</Size></Version>\
            </ListVersionsResult>";
        let (objects, next) = taken(body).expect("whole");
        assert_eq!(next, None);
        let found: Vec<_> = objects
            .into_values()
            .map(|it| (it.version.expect("a version"), it.size, it.later))
            .collect();
        assert_eq!(found, [("v1".to_owned(), 7, 2), ("w1".to_owned(), 9, 1)]);
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>no</Message><RequestId>1</RequestId></Error>";
        assert_eq!(refusal(body.as_bytes()), "AccessDenied: no");
        assert_eq!(refusal(b"gateway is down"), "gateway is down");
    }
}
