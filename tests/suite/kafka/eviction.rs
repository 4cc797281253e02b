//! Keys that leave memory, and come back from what the host keeps of its changelog.

use super::application::Application;
use serde_json::{Value, json};
use weir_tests::{guests, kafka};

const KEYS: u64 = 20;
const ROUNDS: u64 = 3;

// [S22] [S31] [S34]
#[test]
fn an_evicted_key_goes_on_where_it_was_and_on_another_host_too() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "evicted", 2);
    let manifest = application.manifest(&guests::probe());
    let (mut outputs, arguments) = (0, ["--set", "limits.idle_keys_max=1"]);
    for hosts in 0..2 {
        let project = application.host(&manifest);
        let mut host = project.start_with(&arguments);
        for round in 0..ROUNDS {
            let events: Vec<Value> = (0..KEYS)
                .map(|key| json!({"key": format!("key-{key}"), "do": [{"count": "n"}, {"set": ["round", round]}]}))
                .collect();
            application.produce_json(&events);
            outputs += KEYS as usize;
            // Checkpoints come between: what is idle by then is evicted.
            application.wait_for_outputs(&mut host, outputs);
        }
        host.stop().expect(0);
        let counts: Vec<Value> = (1..=(hosts + 1) * ROUNDS).map(|n| json!([n])).collect();
        for key in 0..KEYS {
            assert_eq!(application.output().payloads_of(&format!("key-{key}")), counts);
        }
    }
}
