//! What is known is added or replaced by its key.

use model::{Role, Runbook, Scope, Service, Timestamp};

use crate::embedding::DIMENSIONS;
use crate::{Error, Knowledge, SavedPerson, SavedToken};

pub async fn services_are_replaced_by_name(store: &impl Knowledge) {
    let service = |name: &str, team: &str| Service {
        name: name.to_owned(),
        team: Some(team.to_owned()),
        criticality: Some(1),
        on_call: None,
        depends_on: vec!["db".to_owned()],
    };
    for (name, team) in [("b", "old"), ("a", "web"), ("b", "new")] {
        store
            .put_service(&service(name, team))
            .await
            .expect("is stored");
    }
    let expected = vec![service("a", "web"), service("b", "new")];
    assert_eq!(store.services().await.expect("reads"), expected, "by name");
}

fn runbook(id: &str, title: &str) -> Runbook {
    Runbook {
        id: id.to_owned(),
        title: title.to_owned(),
        summary: "Connections run out.".to_owned(),
        signals: Vec::new(),
        symptoms: vec!["timeout".to_owned()],
        content: "# Look at the pool".to_owned(),
        actions: Vec::new(),
    }
}

pub async fn runbooks_are_replaced_by_id(store: &impl Knowledge) {
    for (id, title) in [("pool", "Old"), ("disk", "Disk"), ("pool", "New")] {
        store
            .put_runbook(&runbook(id, title))
            .await
            .expect("is stored");
    }
    let expected = vec![runbook("disk", "Disk"), runbook("pool", "New")];
    assert_eq!(store.runbooks().await.expect("reads"), expected, "by id");
}

pub async fn runbooks_are_found_by_meaning(store: &impl Knowledge) {
    for (id, content) in [
        (
            "pool",
            "The database has no connections left: raise the size of the pool.",
        ),
        ("cake", "Bake a cake with candles for a birthday."),
        ("silent", ""),
    ] {
        let book = Runbook {
            content: content.to_owned(),
            summary: String::new(),
            symptoms: Vec::new(),
            ..runbook(id, "")
        };
        store.put_runbook(&book).await.expect("is stored");
    }
    let near = async |text: &str, limit| {
        let vector = crate::embedding::embed(text);
        store.nearest_runbooks(&vector, limit).await.expect("reads")
    };
    assert_eq!(
        near("connection pool exhausted", 20).await,
        ["pool", "cake"]
    );
    assert_eq!(near("party dessert", 1).await, ["cake"]);
    let none = store.nearest_runbooks(&[0.0; DIMENSIONS], 20).await;
    assert!(none.expect("reads").is_empty(), "it has no direction");
}

pub async fn tokens_are_found_by_hash_and_revoked_once(store: &impl Knowledge) {
    let token = SavedToken {
        id: "t1".to_owned(),
        hash: "ab".repeat(32),
        name: "laptop".to_owned(),
        role: Role::Responder,
        scopes: vec![Scope::IncidentsRead],
        person: true,
        created_at: Timestamp(1),
        expires_at: Some(Timestamp(9)),
        revoked_at: None,
        last_used_at: None,
    };
    store.put_token(&token).await.expect("is stored");
    assert_eq!(
        store.token(&token.hash).await.expect("reads"),
        Some(token.clone())
    );
    assert_eq!(store.token("cd").await.expect("reads"), None);
    store
        .revoke_token("t1", Timestamp(5))
        .await
        .expect("is revoked");
    store
        .revoke_token("t1", Timestamp(7))
        .await
        .expect("is revoked already");
    let revoked = store
        .token(&token.hash)
        .await
        .expect("reads")
        .expect("is kept");
    assert_eq!(
        revoked.revoked_at,
        Some(Timestamp(5)),
        "the first time stands"
    );
    for at in [8, 6] {
        let touched = store.touch_token(&token.hash, Timestamp(at)).await;
        touched.expect("is noted");
    }
    store
        .touch_token("cd", Timestamp(8))
        .await
        .expect("nothing");
    let used = store.token(&token.hash).await.expect("reads");
    let used = used.expect("is kept");
    assert_eq!(used.last_used_at, Some(Timestamp(8)), "the latest stands");
    assert_eq!(used.revoked_at, Some(Timestamp(5)));
    let unknown = store.revoke_token("t2", Timestamp(5)).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    assert_eq!(store.tokens().await.expect("reads").len(), 1);
}

pub async fn people_are_known_as_they_were_last(store: &impl Knowledge) {
    let ada = SavedPerson {
        subject: "oidc:ada".to_owned(),
        name: "Ada".to_owned(),
        role: Role::Responder,
        scopes: vec![Scope::IncidentsRead],
        source: "oidc".to_owned(),
        seen_at: Timestamp(1),
        disabled_at: None,
    };
    let known = async || store.person("oidc:ada").await.expect("reads");
    assert_eq!(known().await, None);
    store.put_person(&ada).await.expect("is stored");
    assert_eq!(known().await, Some(ada.clone()));
    let gone = SavedPerson {
        disabled_at: Some(Timestamp(5)),
        ..ada
    };
    store.put_person(&gone).await.expect("is stored");
    assert_eq!(known().await, Some(gone.clone()));
    assert_eq!(store.people().await.expect("reads"), [gone]);
}
