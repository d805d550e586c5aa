//! Which person of ours a user of Slack is. Pure, and closed: what isn't said, denies.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::payload::Sender;

/// Slackbot, which is a user of every workspace.
const SLACKBOT: &str = "USLACKBOT";
/// Characters of an e-mail address (RFC 5321).
const MAX_EMAIL: usize = 254;

/// Who may act from Slack. Whom isn't named here is nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Our app's id, `A…`.
    pub app: String,
    /// Workspaces by their id, `T…`.
    pub workspaces: BTreeMap<String, Workspace>,
    /// Organisations (Enterprise Grid, `E…`) that the workspaces are of, also where the app is
    /// installed for all of it. Their workspaces are listed all the same.
    pub organisations: BTreeSet<String>,
}

/// One workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workspace {
    /// Subjects of ours by the id of a user, `U…` or `W…`.
    pub people: BTreeMap<String, String>,
    /// Only where all sign in through the single sign-on that we sign in through too: elsewhere a
    /// person writes into their own profile whatever they like.
    pub single_sign_on: Option<SingleSignOn>,
}

/// That e-mail addresses of a workspace can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SingleSignOn {
    /// What stands behind the `@`: others are denied. Empty: all are.
    pub domains: BTreeSet<String>,
}

/// A person of ours, for the directory: whether they may decide says their role there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonRef {
    /// By the workspace's list.
    Subject(String),
    /// By the e-mail address that the single sign-on says, in lower case.
    Email(String),
}

/// The answer of `users.info`: what of it counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Profile {
    pub id: String,
    pub team_id: Option<String>,
    pub deleted: Option<bool>,
    pub is_bot: Option<bool>,
    pub is_workflow_bot: bool,
    pub is_connector_bot: bool,
    pub is_restricted: Option<bool>,
    pub is_ultra_restricted: Option<bool>,
    pub is_stranger: bool,
    pub is_external: bool,
    pub is_invited_user: bool,
    pub is_forgotten: bool,
    pub is_email_confirmed: Option<bool>,
    pub enterprise_user: Option<EnterpriseUser>,
    pub profile: Details,
}

/// A user of an organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EnterpriseUser {
    pub enterprise_id: String,
    pub teams: Vec<String>,
}

/// What a person may have written themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Details {
    pub email: Option<String>,
}

/// Why a user of Slack is nobody here. The texts are for who clicked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("this is for another app")]
    OtherApp,
    #[error("this app isn't installed here for a whole organisation")]
    EnterpriseInstall,
    #[error("Slack doesn't say in which workspace this was")]
    NoWorkspace,
    #[error("this workspace isn't listed in DataPulse")]
    OtherWorkspace,
    #[error("people of other workspaces (Slack Connect) can't do this")]
    SlackConnect,
    #[error("bots can't do this")]
    Bot,
    #[error("guests can't do this")]
    Guest,
    #[error("this account is deactivated, or wasn't taken up yet")]
    Inactive,
    #[error("Slack doesn't say {0} of this account")]
    Unclear(&'static str),
    #[error("this account isn't known in DataPulse: ask to have it listed")]
    Unknown,
    #[error("the e-mail address of this account isn't of a listed domain")]
    OtherDomain,
    #[error("the e-mail address of this account isn't confirmed")]
    Unconfirmed,
}

impl Denied {
    /// For metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::OtherApp => "other_app",
            Self::EnterpriseInstall => "enterprise_install",
            Self::NoWorkspace => "no_workspace",
            Self::OtherWorkspace => "other_workspace",
            Self::SlackConnect => "slack_connect",
            Self::Bot => "bot",
            Self::Guest => "guest",
            Self::Inactive => "inactive",
            Self::Unclear(_) => "unclear",
            Self::Unknown => "unknown",
            Self::OtherDomain => "other_domain",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// The person behind a request, by what it says and what `users.info` says of the user.
///
/// # Errors
/// Why it is nobody.
pub fn who(mapping: &Mapping, sender: &Sender, profile: &Profile) -> Result<PersonRef, Denied> {
    let team = workspace_of(mapping, sender)?;
    let workspace = mapping.workspaces.get(team).ok_or(Denied::OtherWorkspace)?;
    is_a_member(mapping, team, sender, profile)?;
    if let Some(subject) = workspace.people.get(&sender.user) {
        return Ok(PersonRef::Subject(subject.clone()));
    }
    let single_sign_on = workspace.single_sign_on.as_ref().ok_or(Denied::Unknown)?;
    by_email(single_sign_on, profile)
}

fn workspace_of<'s>(mapping: &Mapping, sender: &'s Sender) -> Result<&'s str, Denied> {
    if mapping.app.is_empty() || sender.app != mapping.app {
        return Err(Denied::OtherApp);
    }
    let listed = sender
        .enterprise
        .as_ref()
        .is_some_and(|enterprise| mapping.organisations.contains(enterprise));
    if sender.enterprise_install && !listed {
        return Err(Denied::EnterpriseInstall);
    }
    let of_user = sender.user_team.as_ref();
    match (&sender.team, of_user.filter(|_| sender.enterprise_install)) {
        (Some(team), _) => Ok(team),
        // Installed for an organisation, Slack may say only where the user is from.
        (None, Some(team)) => Ok(team),
        (None, None) => Err(Denied::NoWorkspace),
    }
}

/// A full member of this very workspace: no bot, no guest, nobody from elsewhere.
fn is_a_member(
    mapping: &Mapping,
    team: &str,
    sender: &Sender,
    profile: &Profile,
) -> Result<(), Denied> {
    if profile.id != sender.user {
        return Err(Denied::Unclear("the same user"));
    }
    let is = |known: Option<bool>, what| known.ok_or(Denied::Unclear(what));
    let bot = is(profile.is_bot, "whether it is a bot")?;
    if bot || profile.is_workflow_bot || profile.is_connector_bot || profile.id == SLACKBOT {
        return Err(Denied::Bot);
    }
    let gone = is(profile.deleted, "whether it is active")?;
    if gone || profile.is_invited_user || profile.is_forgotten {
        return Err(Denied::Inactive);
    }
    if profile.is_stranger || profile.is_external || !belongs(mapping, team, sender, profile)? {
        return Err(Denied::SlackConnect);
    }
    let guest = is(profile.is_restricted, "whether it is a guest")?
        || is(profile.is_ultra_restricted, "whether it is a guest")?;
    match guest {
        true => Err(Denied::Guest),
        false => Ok(()),
    }
}

/// Whether both the request and the profile say that the user is of this workspace, or of its
/// listed organisation and a member of the workspace there.
fn belongs(
    mapping: &Mapping,
    team: &str,
    sender: &Sender,
    profile: &Profile,
) -> Result<bool, Denied> {
    let home = profile.team_id.as_deref();
    let home = home.ok_or(Denied::Unclear("the workspace"))?;
    let listed = |id: &str| mapping.organisations.contains(id);
    let in_organisation = profile.enterprise_user.as_ref().is_some_and(|user| {
        listed(&user.enterprise_id) && user.teams.iter().any(|known| known == team)
    });
    let by_request = match sender.user_team.as_deref() {
        None => true,
        Some(claimed) => {
            claimed == team || (in_organisation && (listed(claimed) || claimed == home))
        }
    };
    Ok(by_request && (home == team || in_organisation))
}

fn by_email(single_sign_on: &SingleSignOn, profile: &Profile) -> Result<PersonRef, Denied> {
    let email = profile.profile.email.as_deref();
    let email = email.ok_or(Denied::Unclear("the e-mail address"))?;
    // What isn't plain is nobody: letters that look alike, or two addresses in one.
    let plain = email.len() <= MAX_EMAIL && email.bytes().all(|byte| byte.is_ascii_graphic());
    let (name, domain) = match email.split_once('@') {
        Some((name, domain)) if plain && !name.is_empty() && !domain.contains('@') => {
            (name.to_ascii_lowercase(), domain.to_ascii_lowercase())
        }
        _ => return Err(Denied::Unclear("a plain e-mail address")),
    };
    let mut domains = single_sign_on.domains.iter();
    if !domains.any(|listed| listed.eq_ignore_ascii_case(&domain)) {
        return Err(Denied::OtherDomain);
    }
    if profile.is_email_confirmed == Some(false) {
        return Err(Denied::Unconfirmed);
    }
    Ok(PersonRef::Email(format!("{name}@{domain}")))
}
