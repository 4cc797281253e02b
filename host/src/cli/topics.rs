//! `weir topics`: the topics of an application on Kafka, and what is wrong with them.

use super::exit::{Exit, WrongUse};
use super::options::TopicsOptions;
use super::paint::Paint;
use crate::settings::Settings;

/// A build without Kafka refuses each manifest that has topics.
#[cfg(not(feature = "kafka"))]
pub(super) fn execute(options: &TopicsOptions, _: Paint) -> anyhow::Result<Exit> {
    let settings = Settings::load(&options.manifest.path, &options.manifest.overrides)?;
    Err(no_topics(&settings))
}

#[cfg(feature = "kafka")]
pub(super) fn execute(options: &TopicsOptions, paint: Paint) -> anyhow::Result<Exit> {
    use super::output::{print, print_json};

    let settings = Settings::load(&options.manifest.path, &options.manifest.overrides)?;
    let Some(kafka) = crate::kafka::kafka_settings(&settings)? else { return Err(no_topics(&settings)) };
    let report = if options.create {
        weir_kafka::topics::create_missing(&kafka)?
    } else {
        weir_kafka::topics::describe(&kafka)?
    };
    if options.json {
        print_json(&shown::to_json(&kafka, &report))?;
    } else {
        print(&shown::to_text(&report, paint))?;
    }
    Ok(if report.all_problems().next().is_some() { Exit::WrongUse } else { Exit::Done })
}

fn no_topics(settings: &Settings) -> anyhow::Error {
    let message = format!("{} is not on Kafka, and so has no topics: see [source]", settings.manifest.display());
    WrongUse(message).into()
}

/// A report for people and for machines.
#[cfg(feature = "kafka")]
mod shown {
    use crate::cli::paint::Paint;
    use crate::cli::table::{Column, Table, escape_controls};
    use serde_json::{Value, json};
    use weir_kafka::KafkaSettings;
    use weir_kafka::topics::{Presence, Report, TopicReport};

    /// The settings that are shown to people.
    const SETTINGS: [&str; 3] = ["cleanup.policy", "min.insync.replicas", "max.message.bytes"];

    pub(super) fn to_json(kafka: &KafkaSettings, report: &Report) -> Value {
        let topics = report.topics.iter().map(|topic| {
            json!({
                "name": topic.name,
                "role": topic.role.name(),
                "presence": presence(topic),
                "partitions": topic.found().map(|found| found.partitions),
                "replicas": topic.found().map(|found| found.replicas),
                "settings": topic.settings,
                "problems": topic.problems,
            })
        });
        json!({
            "name": kafka.application,
            "bootstrap_servers": kafka.bootstrap_servers,
            "topics": topics.collect::<Vec<_>>(),
            "problems": report.problems,
        })
    }

    pub(super) fn to_text(report: &Report, paint: Paint) -> String {
        let mut table = Table::new([
            Column::Words("TOPIC"),
            Column::Words("ROLE"),
            Column::Number("PARTITIONS"),
            Column::Number("REPLICAS"),
            Column::Words("SETTINGS"),
        ]);
        for topic in &report.topics {
            let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
            table.row([
                topic.name.clone(),
                topic.role.name().to_owned(),
                number(topic.found().map(|found| found.partitions)),
                number(topic.found().map(|found| found.replicas)),
                settings(topic),
            ]);
        }
        let mut text = table.to_text(paint) + "\n";
        for problem in report.all_problems() {
            text += &format!("{} {}\n", paint.bad("error:"), escape_controls(problem));
        }
        if report.lacks_topics() {
            text +=
                &format!("{} made by `weir topics --create`, or when a host starts\n", paint.odd("missing topics:"));
        } else if report.all_problems().next().is_none() {
            text += &(paint.good("all is well") + "\n");
        }
        text
    }

    fn presence(topic: &TopicReport) -> &'static str {
        match topic.presence {
            Presence::There(_) => "there",
            Presence::Missing => "missing",
            Presence::Hidden => "hidden",
        }
    }

    fn settings(topic: &TopicReport) -> String {
        if topic.found().is_none() {
            return presence(topic).to_owned();
        }
        let shown = SETTINGS.iter().filter_map(|name| Some(format!("{name}={}", topic.settings.get(*name)?)));
        shown.collect::<Vec<_>>().join(" ")
    }
}
