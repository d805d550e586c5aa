//! `MD5`, `SHA1`, `SHA256` and `HASH`.

use arrow::array::{Array, ArrayRef};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512, Sha512_256};

use super::arrays::{texts, write_texts};
use super::entry::{Entry, Failures, Kernel};
use super::signature::{Count, STRING, fixed};
use super::{Argument, Call, Column};
use crate::datatype::DataType;

pub(super) static ENTRIES: [Entry; 4] = [
    Entry {
        name: "MD5",
        aliases: &[],
        summary: "The MD5 hash in hexadecimal.",
        resolve: one,
        kernel: Kernel::Single(|call, arguments, _| hashed(call, arguments, digest::<Md5>)),
    },
    Entry {
        name: "SHA1",
        aliases: &[],
        summary: "The SHA-1 hash in hexadecimal.",
        resolve: one,
        kernel: Kernel::Single(|call, arguments, _| hashed(call, arguments, digest::<Sha1>)),
    },
    Entry {
        name: "SHA256",
        aliases: &[],
        summary: "The SHA-256 hash in hexadecimal.",
        resolve: one,
        kernel: Kernel::Single(|call, arguments, _| hashed(call, arguments, digest::<Sha256>)),
    },
    Entry {
        name: "HASH",
        aliases: &[],
        summary: "The hash by a named algorithm, in hexadecimal.",
        resolve: |text, arguments| {
            fixed(
                text,
                arguments,
                Count::Two,
                &[STRING, STRING],
                DataType::Keyword,
            )
        },
        kernel: Kernel::Single(hash),
    },
];

fn one(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    fixed(text, arguments, Count::One, &[STRING], DataType::Keyword)
}

type Hash = fn(&[u8]) -> String;

fn digest<D: Digest>(bytes: &[u8]) -> String {
    hex::encode(D::digest(bytes))
}

/// By Java's names, in any case.
pub(super) fn algorithm(name: &str) -> Option<Hash> {
    Some(match name.to_ascii_lowercase().as_str() {
        "md5" => digest::<Md5>,
        "sha" | "sha1" | "sha-1" => digest::<Sha1>,
        "sha224" | "sha-224" => digest::<Sha224>,
        "sha256" | "sha-256" => digest::<Sha256>,
        "sha384" | "sha-384" => digest::<Sha384>,
        "sha512" | "sha-512" => digest::<Sha512>,
        "sha512/256" | "sha-512/256" => digest::<Sha512_256>,
        _ => return None,
    })
}

fn hashed(call: &Call<'_>, arguments: &[Column], hash: Hash) -> Option<ArrayRef> {
    let strings = texts(&arguments.first()?.values)?;
    Some(write_texts(call.rows, |row, to| {
        let valid = strings.is_valid(row);
        if valid {
            to.push_str(&hash(strings.value(row).as_bytes()));
        }
        valid
    }))
}

fn hash(call: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let names = texts(&arguments.first()?.values)?;
    let strings = texts(&arguments.get(1)?.values)?;
    Some(write_texts(call.rows, |row, to| {
        if names.is_null(row) || strings.is_null(row) {
            return false;
        }
        let name = names.value(row);
        match algorithm(name) {
            Some(hash) => {
                to.push_str(&hash(strings.value(row).as_bytes()));
                true
            }
            None => {
                failures.add(&format!(
                    "java.security.NoSuchAlgorithmException: {name} MessageDigest not available"
                ));
                false
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_by_name() {
        let hashed = |name: &str| algorithm(name).map(|hash| hash(b"datapulse"));
        assert_eq!(
            hashed("md5").as_deref(),
            Some("967f99399abbd534aa9c11c6fd62bc05")
        );
        assert_eq!(
            hashed("SHA-1").as_deref(),
            Some("6e6c1a6c5321624d432251e089a977b3cb8475ab")
        );
        assert_eq!(hashed("nope"), None);
    }
}
