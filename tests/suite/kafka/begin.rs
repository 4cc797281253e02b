//! Where an application begins, and what keeps it from going on.

use super::application::Application;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;
use std::time::Duration;
use weir_tests::{Project, guests, kafka, wait_until};

const COUNTS: &[u8] = br#"{"do":[{"count":"n"}]}"#;

fn produce(application: &Application<'_>) {
    application.produce("murmur2", [(Some(&b"k"[..]), Some(COUNTS))]);
}

fn run_until(application: &Application<'_>, project: &Project, outputs: usize) {
    let mut host = project.start();
    application.wait_for_outputs(&mut host, outputs);
    host.stop().expect(0);
}

fn set_group_offset(application: &Application<'_>, offset: i64) {
    let mut config = application.cluster.client();
    config.set("group.id", &application.name).set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("make a consumer");
    let mut list = TopicPartitionList::new();
    let topic = format!("{}-in", application.name);
    list.add_partition_offset(&topic, 0, Offset::Offset(offset)).expect("a list");
    consumer.commit(&list, CommitMode::Sync).expect("nobody is in the group");
}

// [S31] [D7] [D8]
#[test]
fn a_group_offset_that_differs_from_the_checkpoint_stops_the_host_with_both() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "differ", 1);
    let project = application.host(&application.manifest(&guests::probe()));
    (0..3).for_each(|_| produce(&application));
    run_until(&application, &project, 3);
    set_group_offset(&application, 1);
    let input = format!("{}-in", application.name);
    let words = [&input[..], "goes on at offset 3", "at 1", "set the group's offset to the checkpoint's"];
    project.run().expect_error(1, &words);
    set_group_offset(&application, 3);
    produce(&application);
    run_until(&application, &project, 4);
    assert_eq!(application.output().payloads_of("k"), [1, 2, 3, 4].map(|n| json!([n])));
}

#[test]
fn what_brokers_refuse_of_a_client_is_said_with_what_to_change() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "refused", 1);
    let project = application.host(&application.manifest(&guests::probe()));
    let hour = ["--set", "kafka.client.\"transaction.timeout.ms\"=3600000"];
    let words = ["begin with transactional id", "lower \"transaction.timeout.ms\"", "transaction.max.timeout.ms"];
    project.run_with(&hour).expect_error(2, &words);
    let hour = ["session.timeout.ms", "max.poll.interval.ms"].map(|name| format!("kafka.client.{name:?}=3600000"));
    let hour = ["--set", &hour[0], "--set", &hour[1]];
    project.run_with(&hour).expect_error(1, &["be a member of the group of", "change \"session.timeout.ms\""]);
    // Somebody else in the application's group.
    let mut config = cluster.client();
    config.set("group.id", &application.name).set("partition.assignment.strategy", "range");
    let other: BaseConsumer = config.create().expect("make a consumer");
    other.subscribe(&[&format!("{}-in", application.name)]).expect("it can be subscribed to");
    wait_until("it is in the group", || {
        let _ = other.poll(Duration::from_millis(100));
        other.assignment().is_ok_and(|assignment| assignment.count() == 1)
    });
    project.run().expect_error(1, &["be a member of the group of", "other clients are in the group"]);
}

// [S27] [S31]
#[test]
fn input_that_was_deleted_before_it_was_read_stops_the_host_and_a_flag_goes_on_without_it() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "deleted", 1);
    let project = application.host(&application.manifest(&guests::probe()));
    (0..3).for_each(|_| produce(&application));
    run_until(&application, &project, 3);
    (0..4).for_each(|_| produce(&application));
    let input = format!("{}-in", application.name);
    let what = json!({"partitions": [{"topic": input, "partition": 0, "offset": 5}], "version": 1});
    project.write("delete.json", what.to_string());
    let file = project.folder().join("delete.json").display().to_string();
    cluster.tool(&["kafka-delete-records", "--offset-json-file", &file]);
    let words = [&input[..], "goes on at offset 3", "begins at 5", "2 records were deleted", "--skip-deleted-input"];
    project.run().expect_error(1, &words);
    let mut host = project.start_with(&["--skip-deleted-input"]);
    host.wait_for_log("2 records were deleted before they were read: skipped");
    application.wait_for_outputs(&mut host, 5);
    host.stop().expect(0);
    // From then on as ever.
    produce(&application);
    run_until(&application, &project, 6);
    assert_eq!(application.output().payloads_of("k"), [1, 2, 3, 4, 5, 6].map(|n| json!([n])));
}

fn add_partitions(application: &Application<'_>, count: usize) {
    let admin: AdminClient<DefaultClientContext> = application.cluster.client().create().expect("make a client");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("start a runtime");
    let topic = format!("{}-in", application.name);
    let made = runtime.block_on(admin.create_partitions(&[NewPartitions::new(&topic, count)], &AdminOptions::new()));
    made.expect("the broker answers").into_iter().for_each(|made| drop(made.expect("partitions are made")));
}

// [S20]
#[test]
fn a_changed_number_of_partitions_stops_the_host_with_what_to_do() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "partitions", 2);
    let manifest = application.manifest(&guests::probe());
    let project = application.host(&manifest);
    produce(&application);
    run_until(&application, &project, 1);
    // One that runs finds out when the client looks the next time.
    let mut host = project.start_with(&["--set", "kafka.client.\"topic.metadata.refresh.interval.ms\"=1000"]);
    host.wait_for_log("is taken over");
    add_partitions(&application, 3);
    let input = format!("{}-in", application.name);
    host.wait().expect_error(1, &[&input, "more partitions than the 2", "begin a new application"]);
    let error = project.run().expect_error(2, &[&application.name, "2 partitions", "3 partitions"]);
    assert!(error.contains("give the input as many as before"), "{error}");
}

// [S35] [S31]
#[test]
fn an_application_that_starts_at_the_latest_takes_what_comes_after_and_nothing_twice() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "latest", 1);
    let mut manifest = application.manifest(&guests::probe());
    manifest.source.push_str("\nstart = \"latest\"");
    let project = application.host(&manifest);
    produce(&application);
    produce(&application);
    let mut host = project.start();
    host.wait_for_log("is taken over");
    // Where it begins stands in the checkpoint from then on, also if it is killed now.
    host.kill_in_place();
    produce(&application);
    run_until(&application, &project, 1);
    assert_eq!(application.output().payloads_of("k"), [json!([1])]);
}
