//! From end to end over TLS, with a login.

use super::{Load, is_wanted};
use crate::kafka::application::Application;
use std::time::Duration;
use weir_tests::{Project, Random, kafka};

// [D20] [S30] [S31]
#[test]
fn two_hosts_take_effect_once_over_tls_with_a_login() {
    if !is_wanted("over TLS") {
        return;
    }
    let Some(cluster) = kafka::secured() else { return };
    let mut random = Random::new("over TLS");
    let application = Application::new(cluster, "tls", 4);
    let mut load = Load::new(&application, random.number());
    let values = [
        ("security.protocol", "SASL_SSL"),
        ("ssl.ca.location", cluster.value("CA")),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.username", cluster.value("USER")),
    ];
    let client: String = values.iter().map(|(name, value)| format!("{name:?} = {value:?}, ")).collect();
    let client = format!("client = {{ {client}\"sasl.password\" = {{ file = \"password\" }}, ");
    load.manifest.more = load.manifest.more.replacen("client = { ", &client, 1);
    let projects = [(); 2].map(|()| application.host(&load.manifest));
    projects.iter().for_each(|project| project.write("password", cluster.value("PASSWORD")));
    let mut hosts = projects.each_ref().map(Project::start);
    for victim in [0, 1, 0] {
        load.produce();
        std::thread::sleep(Duration::from_millis(random.below(4_000)));
        hosts[victim].kill_in_place();
        load.scene.world.note_kill();
        hosts[victim] = projects[victim].start();
    }
    load.produce();
    load.check_end(hosts.into());
}
