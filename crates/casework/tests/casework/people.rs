//! What people may do, by whatever way they come: asked anew each time.

use std::collections::BTreeMap;

use casework::people::local_subject;
use model::{Role, Scope, Timestamp};
use store::{Knowledge, SavedPerson, SavedToken};

use crate::world::World;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn token(id: &str, person: bool, scopes: &[Scope]) -> SavedToken {
    SavedToken {
        id: id.to_owned(),
        hash: format!("hash of {id}"),
        name: "ada".to_owned(),
        role: Role::Responder,
        scopes: scopes.to_vec(),
        person,
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

#[tokio::test]
async fn a_person_of_tokens_may_what_those_that_live_allow() {
    let world = World::new().await;
    let casework = world.casework(NOW);
    let ada = local_subject("ada");
    assert_eq!(casework.standing(&ada).await.expect("is read"), None);
    let machine = token("machine", false, &[Scope::ActionsApprove]);
    world.store.put_token(&machine).await.expect("is put");
    assert_eq!(
        casework.standing(&ada).await.expect("is read"),
        None,
        "a machine's"
    );
    for one in [
        token("reads", true, &[Scope::IncidentsRead]),
        token("decides", true, &[Scope::ActionsApprove]),
    ] {
        world.store.put_token(&one).await.expect("is put");
    }
    // What is kept of them by a token says nothing beside the token.
    let person = SavedPerson {
        subject: ada.clone(),
        name: "ada".to_owned(),
        role: Role::Admin,
        scopes: Scope::ALL.to_vec(),
        source: "token".to_owned(),
        seen_at: NOW,
        disabled_at: None,
    };
    world.store.put_person(&person).await.expect("is put");
    let standing = casework.standing(&ada).await.expect("is read");
    let mut scopes = standing.expect("somebody").scopes;
    scopes.sort();
    assert_eq!(scopes, [Scope::IncidentsRead, Scope::ActionsApprove]);
    assert_eq!(casework.may_decide(&ada).await.expect("is read"), true);
    world
        .store
        .revoke_token("decides", NOW)
        .await
        .expect("is revoked");
    assert_eq!(casework.may_decide(&ada).await.expect("is read"), false);
    let disabled = SavedPerson {
        disabled_at: Some(NOW),
        ..person
    };
    world.store.put_person(&disabled).await.expect("is put");
    assert_eq!(casework.standing(&ada).await.expect("is read"), None);
}

#[tokio::test]
async fn people_of_chat_alone_may_what_the_configuration_says_as_long_as_it_says_so() {
    let world = World::new().await;
    let casework = world.casework(NOW);
    let people = |people: &[(&str, Role)]| -> BTreeMap<String, Role> {
        let owned = |(subject, role): &(&str, Role)| ((*subject).to_owned(), *role);
        people.iter().map(owned).collect()
    };
    let both = people(&[("chat:bo", Role::Responder), ("chat:vic", Role::Viewer)]);
    casework.chat_people(&both).await.expect("is written");
    let bo = casework.standing("chat:bo").await.expect("is read");
    assert_eq!(bo.map(|bo| bo.name), Some("bo".to_owned()));
    assert_eq!(casework.may_decide("chat:bo").await.expect("is read"), true);
    assert_eq!(
        casework.may_decide("chat:vic").await.expect("is read"),
        false
    );

    // Disabled, and configured anew: still disabled.
    let known = world.store.person("chat:bo").await.expect("is read");
    let disabled = SavedPerson {
        disabled_at: Some(NOW),
        ..known.expect("bo")
    };
    world.store.put_person(&disabled).await.expect("is put");
    casework.chat_people(&both).await.expect("is written");
    assert_eq!(
        casework.may_decide("chat:bo").await.expect("is read"),
        false
    );

    // Raised, then left out: what was decided counts no more.
    let raised = people(&[("chat:vic", Role::Responder)]);
    casework.chat_people(&raised).await.expect("is written");
    assert_eq!(
        casework.may_decide("chat:vic").await.expect("is read"),
        true
    );
    casework
        .chat_people(&BTreeMap::new())
        .await
        .expect("is written");
    assert_eq!(
        casework.may_decide("chat:vic").await.expect("is read"),
        false
    );
}
