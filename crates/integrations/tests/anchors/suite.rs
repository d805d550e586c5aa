//! What every place promises.

use integrations::{AnchorPlace, Error};
use model::anchor::outside::{Heads, Known};
use model::signing::{Signer, Trusted, Writer};
use model::{Digest, IncidentId, Keyring, Timestamp};

/// Anchors as they are: signed, each with the digest of the one before.
pub fn anchors(count: u64) -> (Vec<Vec<u8>>, Keyring) {
    let signer = Signer::new(&[7; 32]);
    let ring =
        Keyring::new(&[Trusted::new(&signer, &[Writer::Gateway], Timestamp(0))]).expect("a key");
    let (mut known, mut heads, mut lines) = (Known::default(), Heads::new(), Vec::new());
    for seq in 1..=count {
        let id = IncidentId::derive("r", "checkout", Timestamp(0));
        heads.insert(id, (seq, Digest::of(&seq.to_be_bytes())));
        let line = known.next(&heads, Timestamp(seq as i64), &signer);
        let line = line.expect("writable").expect("it moved");
        known.take(&line, &ring).expect("holds");
        lines.push(line.into_bytes());
    }
    (lines, ring)
}

/// Whether lines prove what they are for: `Err` says what is wrong with them.
pub fn prove(lines: &[Vec<u8>], ring: &Keyring) -> Result<u64, String> {
    let mut known = Known::default();
    for line in lines {
        known.take(std::str::from_utf8(line).expect("text"), ring)?;
    }
    Ok(known.number)
}

/// An empty place keeps what it gets, gives it back in order, and never replaces it.
pub async fn holds(place: &dyn AnchorPlace) {
    let (lines, ring) = anchors(5);
    assert_eq!(place.read().await.expect("reads"), Vec::<Vec<u8>>::new());
    for (line, seq) in lines.iter().zip(1..) {
        place.write(seq, line).await.expect("writes");
    }
    assert_eq!(place.read().await.expect("reads"), lines);
    assert_eq!(prove(&lines, &ring), Ok(5));
    assert_eq!(place.page(3).await.expect("reads"), lines[3..]);
    assert_eq!(place.page(5).await.expect("reads"), Vec::<Vec<u8>>::new());

    place.write(2, &lines[1]).await.expect("the same again");
    let other = place.write(2, b"{\"anchor\":2}").await;
    assert!(
        matches!(&other, Err(Error::Refused(why)) if why.contains("anchor 2 with other bytes")),
        "{other:?}"
    );
    assert_eq!(place.read().await.expect("reads"), lines, "nothing moved");

    for (seq, line) in [(0, &b"x"[..]), (6, b""), (6, b"a\nb")] {
        let refused = place.write(seq, line).await;
        assert!(matches!(refused, Err(Error::Configuration(_))), "{seq}");
    }
    let long = vec![b'x'; integrations::anchors::MAX_LINE + 1];
    assert!(matches!(
        place.write(6, &long).await,
        Err(Error::Refused(_))
    ));
}
