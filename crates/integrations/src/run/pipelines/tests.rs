//! Against stand-ins of GitHub's and GitLab's API that start runs and list them, as their
//! documentation says, and answer badly where the test wants it.

use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use model::ExecutionResult;

use super::*;
use crate::outbound::Outbound;
use crate::run::published::{body_of, faults, published};
use crate::run::{Known, Order, Runner};
use crate::secret::Secret;
use crate::stand_in::{Asked, Does, StandIn};

type Runs = Arc<Mutex<Vec<Value>>>;
type Badly = fn(usize) -> Option<(bool, Does)>;

const WORKFLOW: &str = "/repos/shop/checkout/actions/workflows/rollback.yml";

/// Both at once: which one is asked shows in the path. `ends` is how a run ends, at once.
async fn ci(runs: &Runs, ends: (&'static str, &'static str), badly: Badly) -> StandIn {
    let runs = runs.clone();
    let posts = Mutex::new(0);
    StandIn::start(move |asked: &Asked, _| {
        let mut runs = runs.lock().expect("runs");
        let is_gitlab = asked.path.starts_with("/api/v4/projects/shop%2Fcheckout/pipeline");
        let of = if is_gitlab { "gitlab" } else { "github" };
        let signed = match is_gitlab {
            true => asked.header("private-token") == Some("a token"),
            false => asked.header("authorization") == Some("Bearer a token") && asked.header("user-agent").is_some(),
        };
        assert!(signed, "{asked:?}");
        if asked.method == "GET" {
            let listed: Vec<Value> = runs.iter().rev().filter(|run| run["of"] == of).cloned().collect();
            return Does::Answer(200, match is_gitlab {
                true => json!(listed),
                false => json!({ "total_count": listed.len(), "workflow_runs": listed }),
            });
        }
        let number = { let mut posts = posts.lock().expect("a number"); *posts += 1; *posts - 1 };
        let (takes, answer) = badly(number).map_or((true, None), |(takes, does)| (takes, Some(does)));
        if takes {
            let execution = asked.body.pointer("/inputs/datapulse_execution").or_else(|| {
                let variables = asked.body.get("variables")?.as_array()?;
                variables.iter().find(|one| one["key"] == "DATAPULSE_EXECUTION")?.get("value")
            });
            let id = runs.len() + 1;
            runs.push(json!({ "id": id, "of": of, "status": ends.0, "conclusion": ends.1, "html_url": "https://ci.example.com/1",
                "web_url": "https://ci.example.com/1", "display_title": format!("Roll back {}", execution.and_then(Value::as_str).unwrap_or("")),
                "name": format!("Roll back {}", execution.and_then(Value::as_str).unwrap_or("")) }));
        }
        answer.unwrap_or_else(|| match is_gitlab {
            true => Does::Answer(201, json!({ "id": 1 })),
            false => Does::Answer(204, Value::Null),
        })
    })
    .await
}

fn run(workflow: &str, to: &str) -> PipelineRun {
    let inputs = BTreeMap::from([("to".to_owned(), to.to_owned())]);
    PipelineRun {
        workflow: workflow.to_owned(),
        git_ref: "main".to_owned(),
        inputs,
    }
}

fn actions(workflow: &str) -> Vec<PipelineAction> {
    let mapped = |kind, undo: Option<&str>, now: &str, after: &str| PipelineAction {
        target: "checkout".to_owned(),
        kind,
        forth: run(workflow, "before"),
        undo: undo.map(|to| run(workflow, to)),
        now: now.to_owned(),
        after: after.to_owned(),
    };
    vec![
        mapped(ActionKind::Rollback, Some("newest"), "newest", "before"),
        mapped(ActionKind::CacheClear, None, "", ""),
    ]
}

fn github(server: &StandIn, wait_s: u64) -> GitHub {
    let settings = GitHubSettings {
        url: server.url(),
        repository: "shop/checkout".to_owned(),
        action: actions("rollback.yml"),
        wait_s,
        ..GitHubSettings::default()
    };
    GitHub::new(settings, Secret::new("a token"), &Outbound::default())
        .expect("settings that are right")
}

fn gitlab(server: &StandIn, wait_s: u64) -> GitLab {
    let settings = GitLabSettings {
        url: server.url(),
        project: "shop/checkout".to_owned(),
        action: actions(""),
        wait_s,
        ..GitLabSettings::default()
    };
    GitLab::new(settings, Secret::new("a token"), &Outbound::default())
        .expect("settings that are right")
}

fn both(server: &StandIn, wait_s: u64) -> [Box<dyn Runner>; 2] {
    [
        Box::new(github(server, wait_s)),
        Box::new(gitlab(server, wait_s)),
    ]
}

fn ends(is_gitlab: bool, well: bool) -> (&'static str, &'static str) {
    match (is_gitlab, well) {
        (true, true) => ("success", ""),
        (true, false) => ("failed", ""),
        (false, true) => ("completed", "success"),
        (false, false) => ("completed", "failure"),
    }
}

fn order(key: &str, kind: ActionKind, parameters: Value) -> Order {
    let parameters: IndexMap<String, Value> =
        serde_json::from_value(parameters).expect("parameters");
    Order {
        key: key.to_owned(),
        action: Action {
            kind,
            target: "checkout".to_owned(),
            parameters,
        },
    }
}

fn back(key: &str) -> Order {
    order(key, ActionKind::Rollback, json!({ "to_version": "before" }))
}

fn posts(server: &StandIn) -> Vec<Asked> {
    server
        .asked()
        .into_iter()
        .filter(|asked| asked.method == "POST")
        .collect()
}

#[tokio::test]
async fn an_order_its_undo_and_an_action_without_one_and_what_is_sent_is_in_the_guides() {
    for (at, guide) in [
        include_str!("../../../../../docs/integrations/github-actions.md"),
        include_str!("../../../../../docs/integrations/gitlab.md"),
    ]
    .into_iter()
    .enumerate()
    {
        let server = ci(&Runs::default(), ends(at == 1, true), |_| None).await;
        let runner = &both(&server, 5)[at];
        let state = runner.observe("checkout").await.expect("observed");
        assert_eq!(
            (&state["version"], &state["previous_version"]),
            (&json!("newest"), &json!("before"))
        );
        let done = runner.execute(&back("INC-1:p1")).await.expect("done");
        assert_eq!(done.result, ExecutionResult::Succeeded);
        assert!(done.says.contains("https://ci.example.com/1"), "{done:?}");
        assert_eq!(runner.execute(&back("INC-1:p1")).await, Ok(done.clone()));
        assert_eq!(runner.known("INC-1:p1").await, Ok(Known::Done(done)));
        let state = runner.observe("checkout").await.expect("observed");
        assert_eq!(
            (&state["version"], &state["previous_version"]),
            (&json!("before"), &json!("newest"))
        );
        let refused = runner
            .execute(&back("INC-1:p2"))
            .await
            .expect_err("is so already");
        assert!(refused.to_string().contains("so already"), "{refused}");
        let undo = order(
            "INC-1:p3",
            ActionKind::Rollback,
            json!({ "to_version": "newest" }),
        );
        assert_eq!(
            runner.execute(&undo).await.expect("undone").result,
            ExecutionResult::Succeeded
        );
        let clear = order("INC-1:p4", ActionKind::CacheClear, json!({}));
        assert!(runner.execute(&clear).await.is_ok());
        let state = runner.observe("checkout").await.expect("observed");
        assert_eq!(state["version"], json!("newest"));
        let sent = posts(&server);
        assert_eq!(sent.len(), 3);
        let shown = sent[0].shown();
        assert!(guide.contains(&shown), "the guide doesn't show:\n{shown}");
    }
}

#[tokio::test]
async fn a_failing_and_a_long_run_are_told() {
    for at in 0..2 {
        let server = ci(&Runs::default(), ends(at == 1, false), |_| None).await;
        let failed = both(&server, 5)[at]
            .execute(&back("INC-1:p1"))
            .await
            .expect("an end");
        assert_eq!(failed.result, ExecutionResult::Failed);
        let server = ci(&Runs::default(), ("running", ""), |_| None).await;
        let unsure = both(&server, 1)[at]
            .execute(&back("INC-1:p1"))
            .await
            .expect_err("no end");
        assert!(
            matches!(&unsure, Error::CannotTell(why) if why.contains("not over after 1 s")),
            "{unsure}"
        );
        // Another order waits for its end.
        let refused = both(&server, 1)[at]
            .execute(&back("INC-1:p2"))
            .await
            .expect_err("is refused");
        assert!(refused.to_string().contains("under way"), "{refused}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_never_sent_again() {
    let lost: [Badly; 3] = [
        |_| Some((true, Does::Answer(502, Value::Null))),
        |_| Some((true, Does::Half)),
        |_| Some((true, Does::HangUp)),
    ];
    let unsent: Badly = |_| Some((false, Does::Answer(500, Value::Null)));
    for at in 0..2 {
        for badly in lost {
            let server = ci(&Runs::default(), ends(at == 1, true), badly).await;
            let first = &both(&server, 5)[at];
            let unsure = first
                .execute(&back("INC-1:p1"))
                .await
                .expect_err("can't tell");
            assert!(matches!(unsure, Error::CannotTell(_)), "{unsure}");
            // The one after a kill knows nothing but what is there.
            let second = &both(&server, 5)[at];
            assert!(matches!(second.known("INC-1:p1").await, Ok(Known::Done(_))));
            assert!(matches!(first.known("INC-1:p1").await, Ok(Known::Done(_))));
            assert_eq!(posts(&server).len(), 1);
        }
        let server = ci(&Runs::default(), ends(at == 1, true), unsent).await;
        let first = &both(&server, 5)[at];
        assert!(first.execute(&back("INC-1:p1")).await.is_err());
        assert!(matches!(
            first.known("INC-1:p1").await,
            Ok(Known::CannotTell(_))
        ));
        assert!(matches!(
            first.execute(&back("INC-1:p1")).await,
            Err(Error::CannotTell(_))
        ));
        assert_eq!(posts(&server).len(), 1);
    }
}

#[tokio::test]
async fn too_many_requests_are_waited_for_and_not_for_ever() {
    let soon: Badly = |at| {
        (at < 2).then(|| {
            (
                false,
                Does::AnswerWith(429, &["retry-after: 0"], Value::Null),
            )
        })
    };
    let late: Badly = |_| {
        Some((
            false,
            Does::AnswerWith(429, &["retry-after: 60"], Value::Null),
        ))
    };
    for at in 0..2 {
        let server = ci(&Runs::default(), ends(at == 1, true), soon).await;
        assert!(
            both(&server, 5)[at]
                .execute(&back("INC-1:p1"))
                .await
                .is_ok()
        );
        assert_eq!(posts(&server).len(), 3);
        let server = ci(&Runs::default(), ends(at == 1, true), late).await;
        let runner = &both(&server, 5)[at];
        let error = runner
            .execute(&back("INC-1:p1"))
            .await
            .expect_err("is busy");
        assert!(
            matches!(&error, Error::Later { after, .. } if after.as_secs() == 60),
            "{error}"
        );
        assert_eq!(
            (posts(&server).len(), runner.known("INC-1:p1").await),
            (1, Ok(Known::NotBegun))
        );
    }
}

#[tokio::test]
async fn a_run_since_the_look_is_drift() {
    for at in 0..2 {
        let runs = Runs::default();
        let server = ci(&runs, ends(at == 1, true), |_| None).await;
        let (ours, other) = (&both(&server, 5)[at], &both(&server, 5)[at]);
        ours.observe("checkout").await.expect("observed");
        other.execute(&back("INC-9:p1")).await.expect("done");
        let refused = ours
            .execute(&order(
                "INC-1:p1",
                ActionKind::Rollback,
                json!({ "to_version": "newest" }),
            ))
            .await
            .expect_err("drift");
        assert!(
            refused
                .to_string()
                .contains("changed since it was looked at"),
            "{refused}"
        );
        assert_eq!(posts(&server).len(), 1);
    }
}

#[tokio::test]
async fn what_is_mapped_to_nothing_is_refused() {
    let server = ci(&Runs::default(), ends(false, true), |_| None).await;
    let runner = github(&server, 5);
    let cases = [
        (
            order("INC-1:p1", ActionKind::Restart, json!({})),
            "mapped to nothing",
        ),
        (
            order(
                "INC-1:p1",
                ActionKind::Rollback,
                json!({ "to_version": "v1; rm -rf /" }),
            ),
            "fixed inputs",
        ),
        (
            order("INC-1:p1", ActionKind::CacheClear, json!({ "key": "all" })),
            "takes no parameter",
        ),
    ];
    for (order, says) in cases {
        let refused = runner.execute(&order).await.expect_err("is refused");
        assert!(
            matches!(&refused, Error::Refused(why) if why.contains(says)),
            "{refused}"
        );
    }
    assert!(posts(&server).is_empty());
    let error = runner
        .observe("cart")
        .await
        .expect_err("is unknown")
        .to_string();
    assert!(error.contains("no action is mapped for cart"), "{error}");
}

#[test]
fn wrong_settings_are_named() {
    let right = GitHubSettings {
        repository: "shop/checkout".to_owned(),
        action: actions("rollback.yml"),
        ..GitHubSettings::default()
    };
    assert_eq!(right.check(), Ok(()));
    let cases: [(fn(&mut GitHubSettings), &str); 7] = [
        (|one| one.repository = "checkout".to_owned(), "owner/name"),
        (|one| one.action.clear(), "no target is named"),
        (|one| one.action[0].forth.workflow.clear(), "workflow"),
        (
            |one| one.action[0].after = "newest".to_owned(),
            "two different words",
        ),
        (
            |one| one.action[1].kind = ActionKind::Scale,
            "takes a number",
        ),
        (
            |one| one.action[1].kind = ActionKind::Rollback,
            "two different words",
        ),
        (
            |one| {
                let again = one.action[0].clone();
                one.action.push(again);
            },
            "mapped twice",
        ),
    ];
    for (change, says) in cases {
        let mut wrong = right.clone();
        change(&mut wrong);
        let error = wrong.check().expect_err("is wrong").to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test]
#[ignore = "needs GitHub's published description: xtask/servers/contracts/published.sh"]
async fn what_is_sent_to_github_is_as_it_publishes() {
    let document = published("github.json");
    let server = ci(&Runs::default(), ends(false, true), |_| None).await;
    github(&server, 5)
        .execute(&back("INC-1:p1"))
        .await
        .expect("done");
    let sent = &posts(&server)[0];
    assert_eq!(sent.path, format!("{WORKFLOW}/dispatches"));
    let body = body_of(
        &document,
        "post",
        "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches",
    );
    assert_eq!(faults(&document, body, &sent.body), Vec::<String>::new());
    let listing = &document["paths"]["/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs"]
        ["get"]["parameters"];
    let known = serde_json::to_string(listing).expect("JSON");
    for name in ["event", "per-page"] {
        assert!(known.contains(name), "{name}");
    }
    // The stand-in's runs have the fields that ours are read from.
    let run = &document["components"]["schemas"]["workflow-run"]["properties"];
    for field in ["id", "display_title", "status", "conclusion", "html_url"] {
        assert!(run.get(field).is_some(), "{field}");
    }
}
