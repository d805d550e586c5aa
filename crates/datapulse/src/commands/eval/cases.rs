//! Suites and cases of a folder: what is opened before answering, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use model::Timestamp;
use serde::Deserialize;

use crate::refusal::wrong_use;

#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub suite: String,
    pub id: String,
    pub folder: PathBuf,
    pub from: Timestamp,
    pub to: Timestamp,
    pub alert: Alert,
    pub ask: Ask,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Alert {
    pub at: Timestamp,
    pub service: Option<String>,
    #[serde(default)]
    pub summary: String,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
    Service,
    Deployment,
}

/// `case.json`; keys that we don't know are left alone.
#[derive(Deserialize)]
struct Written {
    id: String,
    from: Timestamp,
    to: Timestamp,
    alert: Alert,
    ask: Ask,
}

impl Case {
    pub fn docs(&self) -> PathBuf {
        self.folder.join("docs")
    }
}

/// Every case of every suite (or of the one that is named), by name.
pub fn find(dir: &Path, wanted: Option<&str>) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (suite, folders) in suites(dir, wanted)? {
        for folder in folders {
            cases.push(read(&suite, folder)?);
        }
    }
    Ok(cases)
}

/// Names of suites with the folders of their cases.
fn suites(dir: &Path, wanted: Option<&str>) -> Result<Vec<(String, Vec<PathBuf>)>> {
    let shown = dir.display();
    let within = folders(dir).map_err(|error| {
        wrong_use(format!(
            "{shown} can't be read ({error}): name the folder that holds the suites"
        ))
    })?;
    // The folder of one suite is taken as well as the folder of them all.
    let within = match within.iter().any(|folder| is_case(folder)) {
        true => vec![dir.canonicalize().unwrap_or_else(|_| dir.to_owned())],
        false => within,
    };
    let mut suites = Vec::new();
    for suite in within {
        let mut cases = folders(&suite).with_context(|| suite.display().to_string())?;
        cases.retain(|case| is_case(case));
        if !cases.is_empty() {
            suites.push((name(&suite), cases));
        }
    }
    if suites.is_empty() {
        return Err(wrong_use(format!(
            "{shown} holds no cases: expected <suite>/<case>/case.json with docs/ beside it"
        )));
    }
    let Some(wanted) = wanted else {
        return Ok(suites);
    };
    match suites.iter().position(|(suite, _)| suite == wanted) {
        Some(place) => Ok(vec![suites.swap_remove(place)]),
        None => {
            let there: Vec<&str> = suites.iter().map(|(suite, _)| suite.as_str()).collect();
            let there = there.join(", ");
            Err(wrong_use(format!(
                "--suite: there is no suite {wanted:?} in {shown}; there are: {there}"
            )))
        }
    }
}

fn is_case(folder: &Path) -> bool {
    folder.join("case.json").is_file()
}

/// Folders of a folder, links to folders too, by name.
fn folders(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn read(suite: &str, folder: PathBuf) -> Result<Case> {
    let path = folder.join("case.json");
    let shown = path.display();
    let text = fs::read_to_string(&path).with_context(|| format!("{shown} can't be read"))?;
    let written: Written = match serde_json::from_str(&text) {
        Ok(written) => written,
        Err(error) => bail!(
            "{shown}: {error}; a case has id, from, to, alert {{ at, service, summary }} and ask (service or deployment): repair it or leave it out"
        ),
    };
    let Written { id, from, to, .. } = &written;
    if to <= from {
        bail!("{shown}: to ({to}) must come after from ({from})");
    }
    if id.is_empty() {
        bail!("{shown}: id is empty: answers could not name the case");
    }
    let docs = folder.join("docs");
    if !docs.is_dir() {
        bail!(
            "{} is not there: a case needs its documents",
            docs.display()
        );
    }
    Ok(Case {
        suite: suite.to_owned(),
        id: written.id,
        folder,
        from: written.from,
        to: written.to,
        alert: written.alert,
        ask: written.ask,
    })
}
