use serde_json::{Value, json};

use super::{Change, Failure, OUR_FEEDS, OURS, feed_step, job_step, jobs, told};

fn all(_: &str) -> bool {
    true
}

#[test]
fn each_profile_has_its_jobs() {
    for profile in [
        "metrics",
        "metrics_and_histograms",
        "metrics_and_spans",
        "histograms",
        "spans",
        "apm",
        "otel",
    ] {
        let (made, missing) = jobs(profile, &all).expect("is known");
        let ids: Vec<&str> = made.iter().map(|job| job.id.as_str()).collect();
        assert_eq!(
            ids,
            ["datapulse-error-rate", "datapulse-latency"],
            "{profile}"
        );
        assert_eq!(missing, Vec::<String>::new());
    }
    assert!(jobs("another", &all).is_err());
}

#[test]
fn what_the_telemetry_lacks_is_said_and_not_made() {
    let (made, missing) =
        jobs("metrics", &|field| field == "service" || field == "latency").expect("is known");
    assert_eq!(made.len(), 1);
    let composite = &made[0].feed["aggregations"]["buckets"]["composite"];
    assert_eq!(
        composite["sources"][1]["service.name"]["terms"]["field"],
        "service"
    );
    assert!(missing[0].starts_with("error rate: "), "{missing:?}");
}

#[test]
fn what_is_as_it_should_be_stays_whatever_elasticsearch_adds() {
    let (made, _) = jobs("spans", &all).expect("is known");
    let job = &made[0];
    assert_eq!(job_step(job, None).change, Change::Made);
    let mut known = job.body.clone();
    known["create_time"] = json!(1);
    assert_eq!(job_step(job, Some(&known)).change, Change::Unchanged);
    known["custom_settings"]["datapulse_digest"] = json!("of another version");
    assert_eq!(job_step(job, Some(&known)).change, Change::Kept);
    let mut feed = job.feed.clone();
    feed["chunking_config"] = json!({"mode": "auto"});
    feed["query"]["bool"]["boost"] = json!(1.0);
    assert_eq!(feed_step(job, Some(&feed)).change, Change::Unchanged);
    feed["query_delay"] = json!("60s");
    assert_eq!(feed_step(job, Some(&feed)).change, Change::Replaced);
}

#[test]
fn a_licence_a_server_and_a_privilege_that_are_missing_are_told_apart() {
    let said = |status: u16, error: Value| {
        told(Failure::said(status, &json!({ "error": error }))).to_string()
    };
    let security = |reason: &str| json!({"type": "security_exception", "reason": reason});
    let licence = said(403, security("current license is non-compliant for [ml]"));
    assert!(
        licence.contains("Platinum, Enterprise or a trial"),
        "{licence}"
    );
    let privilege = said(
        403,
        security("action [cluster:monitor/xpack/ml/job/get] is unauthorized"),
    );
    assert!(privilege.contains("manage_ml"), "{privilege}");
    let server = said(
        400,
        json!("no handler found for uri [/_ml/anomaly_detectors/x] and method [PUT]"),
    );
    assert!(server.contains("has no machine learning"), "{server}");
}

#[test]
fn what_is_ours_is_found_again_by_its_id() {
    let (made, _) = jobs("metrics", &all).expect("is known");
    let fits = |pattern: &str, id: &str| {
        let begin = pattern.strip_suffix('*').expect("ends in a wildcard");
        id.starts_with(begin)
    };
    for job in made {
        assert!(fits(OURS, &job.id), "{}", job.id);
        assert!(fits(OUR_FEEDS, &job.feed_id()), "{}", job.feed_id());
    }
}
