use serde_json::{Value, json};

use super::*;
use crate::Toolbox;

fn tool(id: &str) -> Tool {
    let toolbox = Toolbox::embedded().expect("all tools can be read");
    for_a_model(toolbox.get(id).expect("is there"))
}

fn definitions(tools: Vec<Value>) -> Definitions {
    Definitions {
        agent: agent(&tools),
        tools,
        skipped: Vec::new(),
    }
}

fn one() -> Value {
    let tool = tool("one_change");
    definition(&tool, &tool.query, &[], Dialect::Plain).expect("can be there")
}

#[test]
fn types_and_defaults_are_those_of_the_version() {
    let tool = tool("detect_anomalies");
    let new = definition(&tool, &tool.query, &[], Dialect::Plain).expect("can be there");
    let old = definition(&tool, &tool.query, &[], Dialect::Mappings).expect("can be there");
    assert_eq!(
        new["configuration"]["params"]["error_rate"],
        json!({"type": "float", "description": "Share of failed requests over which a service is anomalous", "optional": true, "defaultValue": 0.05})
    );
    assert_eq!(
        old["configuration"]["params"]["error_rate"],
        json!({"type": "double", "description": "Share of failed requests over which a service is anomalous; usually 0.05"})
    );
    assert_eq!(Dialect::of((9, 2)), Dialect::Mappings);
    assert_eq!(Dialect::of((9, 3)), Dialect::Plain);
    assert_eq!(Dialect::of((10, 0)), Dialect::Plain);
}

#[test]
fn only_parameters_that_the_text_uses_are_declared() {
    let tool = tool("search_runbooks");
    let body = definition(&tool, &tool.query, &[], Dialect::Plain).expect("can be there");
    let params = body["configuration"]["params"].as_object().expect("params");
    assert_eq!(params.keys().collect::<Vec<_>>(), ["text"]);
    assert!(uses("a == ?from AND ??metric", "metric"));
    assert!(!uses("a == ?from_here", "from"));
}

#[test]
fn what_a_model_cannot_give_is_said() {
    let why = |id: &str, dialect| {
        let tool = tool(id);
        definition(&tool, &tool.query, &[], dialect).expect_err("can't be there")
    };
    assert!(why("service_metrics", Dialect::Plain).contains("lists"));
    assert!(why("search_runbooks_by_meaning", Dialect::Plain).contains("lists"));
    assert!(why("metric_check", Dialect::Mappings).contains("Kibana 9.3"));
    let tool = tool("metric_check");
    assert!(definition(&tool, &tool.query, &[], Dialect::Plain).is_ok());
}

#[test]
fn a_tool_without_a_limit_gets_one_and_others_keep_theirs() {
    let text = |id: &str| {
        let tool = tool(id);
        let body = definition(&tool, &tool.query, &[], Dialect::Plain).expect("can be there");
        body["configuration"]["query"]
            .as_str()
            .expect("a text")
            .to_owned()
    };
    assert!(text("read_logs").ends_with("\n| LIMIT 200"));
    assert_eq!(text("one_change").matches("LIMIT").count(), 1);
}

#[test]
fn a_plan_makes_changes_and_leaves_what_is_as_it_should_be() {
    let wanted = definitions(vec![one()]);
    let acts = |tools: &[Value], agent: Option<&Value>, prune| -> Vec<Act> {
        let steps = plan(&wanted, tools, agent, prune).expect("a plan");
        steps.iter().map(|step| step.act).collect()
    };
    assert_eq!(acts(&[], None, false), [Act::Create, Act::Create]);
    let mut kept = one();
    kept["readonly"] = json!(false);
    kept["schema"] = json!({});
    let agent = wanted.agent.clone();
    assert_eq!(
        acts(&[kept.clone()], Some(&agent), false),
        [Act::Unchanged, Act::Unchanged]
    );
    kept["configuration"]["params"]["more"] = json!({"type": "string", "description": ""});
    let mut stale = one();
    stale["id"] = json!("datapulse.gone");
    let mut theirs = one();
    theirs["id"] = json!("datapulse.theirs");
    theirs["tags"] = json!([]);
    let there = [kept, stale, theirs];
    assert_eq!(
        acts(&there, Some(&agent), false),
        [Act::Update, Act::Unchanged]
    );
    let steps = plan(&wanted, &there, Some(&agent), true).expect("a plan");
    let last = steps.last().expect("a step");
    assert_eq!(
        (last.id.as_str(), last.act),
        ("datapulse.gone", Act::Delete)
    );
    assert_eq!(steps.len(), 3, "only ours go");
}

#[test]
fn what_another_made_under_our_id_is_not_overwritten() {
    let wanted = definitions(vec![one()]);
    let mut theirs = one();
    theirs["tags"] = json!(["mine"]);
    let error = plan(&wanted, &[theirs], None, false).expect_err("is refused");
    assert!(error.contains("datapulse.one_change"), "{error}");
    let agent = json!({"id": "datapulse", "labels": []});
    let error = plan(&wanted, &[], Some(&agent), false).expect_err("is refused");
    assert!(error.contains("labels"), "{error}");
}
