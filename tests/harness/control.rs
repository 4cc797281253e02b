//! What `weir inspect` and `weir quarantine` tell.

use crate::project::Project;
use serde_json::Value;

/// Where all keys stand.
pub fn keys(project: &Project) -> Vec<Value> {
    list(project, &["inspect", "keys", "--json", "--limit", "100000"], "keys")
}

/// All action states in the store.
pub fn states(project: &Project) -> Vec<Value> {
    list(project, &["inspect", "states", "--json", "--limit", "100000"], "states")
}

/// The quarantined keys.
pub fn quarantined(project: &Project) -> Vec<Value> {
    list(project, &["quarantine", "list", "--json"], "keys")
}

/// All about a key.
pub fn key(project: &Project, key: &str) -> Value {
    project.weir(&["inspect", "key", key, "--json"]).expect(0).json()
}

/// How many runs were finished, over all keys.
pub fn runs_finished(project: &Project) -> u64 {
    keys(project).iter().map(|key| key["last_completed"].as_u64().map_or(0, |last| last + 1)).sum()
}

fn list(project: &Project, arguments: &[&str], name: &str) -> Vec<Value> {
    let json = project.weir(arguments).expect(0).json();
    json[name].as_array().expect("it is a list").clone()
}
