//! Who somebody is: by workspace and id, by e-mail where that is trusted, and nobody otherwise.

use integrations::slack::Sender;
use integrations::slack::incoming::{
    Denied, Mapping, PersonRef, Profile, SingleSignOn, Workspace, who,
};
use serde_json::{Value, json};

use crate::fixtures::{APP, TEAM, USER};
use crate::stand_in::user;

const ORGANISATION: &str = "E0CORP00000";

fn mapping(single_sign_on: bool) -> Mapping {
    let sso = SingleSignOn {
        domains: ["corp.example".to_owned()].into(),
    };
    let listed = Workspace {
        people: [(USER.to_owned(), "oidc:anna".to_owned())].into(),
        single_sign_on: single_sign_on.then_some(sso),
    };
    Mapping {
        app: APP.to_owned(),
        workspaces: [(TEAM.to_owned(), listed)].into(),
        organisations: [ORGANISATION.to_owned()].into(),
    }
}

fn sender(id: &str) -> Sender {
    Sender {
        app: APP.to_owned(),
        team: Some(TEAM.to_owned()),
        enterprise: None,
        enterprise_install: false,
        user: id.to_owned(),
        user_team: Some(TEAM.to_owned()),
    }
}

fn profile(id: &str, changes: Value) -> Profile {
    let mut user = user(id);
    for (name, value) in changes.as_object().expect("an object") {
        user[name] = value.clone();
    }
    serde_json::from_value(user).expect("a profile")
}

#[test]
fn by_workspace_and_id_first_and_by_email_only_where_it_is_trusted() {
    let anna = who(&mapping(false), &sender(USER), &profile(USER, json!({})));
    assert_eq!(anna, Ok(PersonRef::Subject("oidc:anna".to_owned())));
    let bob = |trusted| {
        who(
            &mapping(trusted),
            &sender("U0BOB"),
            &profile("U0BOB", json!({})),
        )
    };
    assert_eq!(bob(false), Err(Denied::Unknown));
    assert_eq!(
        bob(true),
        Ok(PersonRef::Email("anna@corp.example".to_owned()))
    );

    let email = |email: Value| {
        let changed = json!({ "profile": { "email": email } });
        who(&mapping(true), &sender("U0BOB"), &profile("U0BOB", changed))
    };
    assert_eq!(
        email(json!("BOB@Corp.Example")),
        Ok(PersonRef::Email("bob@corp.example".to_owned()))
    );
    for other in [
        "bob@evil.example",
        "bob@sub.corp.example",
        "bob@corp.example.evil.example",
    ] {
        assert_eq!(email(json!(other)), Err(Denied::OtherDomain), "{other}");
    }
    for odd in [
        "bob",
        "@corp.example",
        "bob@evil.example@corp.example",
        "bób@corp.example",
        "bob @corp.example",
        "",
    ] {
        assert_eq!(
            email(json!(odd)),
            Err(Denied::Unclear("a plain e-mail address")),
            "{odd}"
        );
    }
    assert_eq!(
        email(Value::Null),
        Err(Denied::Unclear("the e-mail address"))
    );
    let unconfirmed = profile("U0BOB", json!({ "is_email_confirmed": false }));
    assert_eq!(
        who(&mapping(true), &sender("U0BOB"), &unconfirmed),
        Err(Denied::Unconfirmed)
    );
    let mut none = mapping(true);
    for workspace in none.workspaces.values_mut() {
        workspace.single_sign_on = Some(SingleSignOn::default());
    }
    let bob = who(&none, &sender("U0BOB"), &profile("U0BOB", json!({})));
    assert_eq!(
        bob,
        Err(Denied::OtherDomain),
        "no domain is no domain, not any"
    );
}

#[test]
fn guests_bots_and_people_of_elsewhere_are_denied_even_when_listed() {
    for (changes, denied) in [
        (json!({ "is_restricted": true }), Denied::Guest),
        (json!({ "is_ultra_restricted": true }), Denied::Guest),
        (json!({ "is_bot": true }), Denied::Bot),
        (json!({ "is_workflow_bot": true }), Denied::Bot),
        (json!({ "is_connector_bot": true }), Denied::Bot),
        (json!({ "deleted": true }), Denied::Inactive),
        (json!({ "is_invited_user": true }), Denied::Inactive),
        (json!({ "is_forgotten": true }), Denied::Inactive),
        (json!({ "is_stranger": true }), Denied::SlackConnect),
        (json!({ "is_external": true }), Denied::SlackConnect),
        (json!({ "team_id": "T0ELSEWHERE" }), Denied::SlackConnect),
        (json!({ "team_id": null }), Denied::Unclear("the workspace")),
        (json!({ "id": "U0OTHER" }), Denied::Unclear("the same user")),
        (
            json!({ "is_restricted": null }),
            Denied::Unclear("whether it is a guest"),
        ),
        (
            json!({ "is_ultra_restricted": null }),
            Denied::Unclear("whether it is a guest"),
        ),
        (
            json!({ "is_bot": null }),
            Denied::Unclear("whether it is a bot"),
        ),
        (
            json!({ "deleted": null }),
            Denied::Unclear("whether it is active"),
        ),
    ] {
        let got = who(
            &mapping(true),
            &sender(USER),
            &profile(USER, changes.clone()),
        );
        assert_eq!(got, Err(denied), "{changes}");
    }
    let mut slackbot = mapping(true);
    for workspace in slackbot.workspaces.values_mut() {
        workspace
            .people
            .insert("USLACKBOT".to_owned(), "oidc:bot".to_owned());
    }
    let got = who(
        &slackbot,
        &sender("USLACKBOT"),
        &profile("USLACKBOT", json!({})),
    );
    assert_eq!(got, Err(Denied::Bot));
}

#[test]
fn the_app_and_the_workspace_are_checked() {
    let check = |change: fn(&mut Sender)| {
        let mut sender = sender(USER);
        change(&mut sender);
        who(&mapping(true), &sender, &profile(USER, json!({})))
    };
    assert_eq!(
        check(|one| one.app = "A0OTHER".to_owned()),
        Err(Denied::OtherApp)
    );
    assert_eq!(
        check(|one| one.team = Some("T0ELSEWHERE".to_owned())),
        Err(Denied::OtherWorkspace)
    );
    assert_eq!(check(|one| one.team = None), Err(Denied::NoWorkspace));
    assert_eq!(
        check(|one| one.user_team = Some("T0ELSEWHERE".to_owned())),
        Err(Denied::SlackConnect)
    );
    assert_eq!(
        check(|one| one.enterprise_install = true),
        Err(Denied::EnterpriseInstall)
    );
    assert_eq!(
        check(|one| {
            one.enterprise_install = true;
            one.enterprise = Some("E0OTHER".to_owned());
        }),
        Err(Denied::EnterpriseInstall)
    );
    // A slash command doesn't say where the user is from: the profile does.
    assert!(check(|one| one.user_team = None).is_ok());
    let nothing = Mapping::default();
    let mut nobody = sender(USER);
    nobody.app = String::new();
    assert_eq!(
        who(&nothing, &nobody, &profile(USER, json!({}))),
        Err(Denied::OtherApp)
    );
}

#[test]
fn an_organisations_people_count_in_the_workspaces_that_they_are_in() {
    let in_teams = |enterprise: &str, teams: &[&str]| {
        profile(
            USER,
            json!({ "team_id": "T0HOME", "enterprise_user":
            { "id": USER, "enterprise_id": enterprise, "enterprise_name": "Corp", "teams": teams } }),
        )
    };
    let mut from = sender(USER);
    from.enterprise = Some(ORGANISATION.to_owned());
    from.enterprise_install = true;
    from.user_team = Some(ORGANISATION.to_owned());
    let ours = who(
        &mapping(false),
        &from,
        &in_teams(ORGANISATION, &["T0HOME", TEAM]),
    );
    assert_eq!(ours, Ok(PersonRef::Subject("oidc:anna".to_owned())));
    let not_in = who(&mapping(false), &from, &in_teams(ORGANISATION, &["T0HOME"]));
    assert_eq!(not_in, Err(Denied::SlackConnect));
    let other = who(
        &mapping(false),
        &from,
        &in_teams("E0OTHER", &["T0HOME", TEAM]),
    );
    assert_eq!(other, Err(Denied::SlackConnect));
    // Where Slack leaves the workspace out, the user's must be a listed one.
    from.team = None;
    let unlisted = who(
        &mapping(false),
        &from,
        &in_teams(ORGANISATION, &["T0HOME", TEAM]),
    );
    assert_eq!(unlisted, Err(Denied::OtherWorkspace));
    from.user_team = Some(TEAM.to_owned());
    assert!(who(&mapping(false), &from, &profile(USER, json!({}))).is_ok());
}

#[test]
fn a_denial_has_a_reason_for_people_and_one_for_metrics() {
    assert_eq!(Denied::Guest.to_string(), "guests can't do this");
    assert_eq!(Denied::SlackConnect.reason(), "slack_connect");
    let read: Mapping = toml::from_str(
        r#"
        app = "A0DATAPULSE"
        [workspaces.T0WORKSPACE.people]
        U0ANNA0000 = "oidc:anna"
        [workspaces.T0WORKSPACE.single_sign_on]
        domains = ["corp.example"]
        "#,
    )
    .expect("is read");
    let mut expected = mapping(true);
    expected.organisations.clear();
    assert_eq!(read, expected);
    assert!(
        toml::from_str::<Mapping>("workspace = 1").is_err(),
        "a typing error is told"
    );
}
