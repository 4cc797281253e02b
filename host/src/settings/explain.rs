//! The words of the parser, put for people: near names, and types as TOML calls them.

use super::limits::{HostLimitsManifest, InvocationLimitsManifest};
use super::near_name::near_name;

/// What the parser's message means; `table` is the one that the error is in, such as `host`.
pub(super) fn explain(message: &str, table: Option<&str>) -> String {
    let message = message.trim().replace('\n', ", ");
    let place = match table {
        Some(table) if !table.is_empty() => format!(" in [{table}]"),
        _ => String::new(),
    };
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown("unknown field", rest, &place);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return unknown("unknown value", rest, "");
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return format!("{rest} is missing{place}");
    }
    if message == "invalid type: map, expected a sequence" {
        return "found a table where a list is expected: write its heading in double brackets, as in [[component]]"
            .into();
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) = message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected ")) {
            return format!("found {} where {} is expected", type_found(found), type_expected(expected));
        }
    }
    message
}

/// `what` with the name in question, and either the near one or all.
fn unknown(what: &str, rest: &str, place: &str) -> String {
    // The parser's form: `name`, expected one of `a`, `b`
    let mut names = rest.split('`').skip(1).step_by(2);
    let name = names.next().unwrap_or_default();
    let known: Vec<&str> = names.collect();
    if place == " in [limits]" && InvocationLimitsManifest::NAMES.contains(&name) {
        return format!("{what} `{name}`{place}: it is a component's, write `limits.{name}` in its [[component]]");
    }
    if place == " in [component.limits]" && HostLimitsManifest::NAMES.contains(&name) {
        return format!("{what} `{name}`{place}: it is the host's, write it in [limits]");
    }
    match near_name(name, known.iter().copied()) {
        Some(near) => format!("{what} `{name}`{place}, did you mean `{near}`?"),
        None if known.is_empty() => format!("{what} `{name}`{place}"),
        None => format!("{what} `{name}`{place}, there are: {}", known.join(", ")),
    }
}

fn type_found(found: &str) -> &str {
    match found {
        "sequence" => "a list",
        "map" => "a table",
        other => other,
    }
}

fn type_expected(expected: &str) -> &str {
    match expected {
        "usize" | "u64" => "a whole number, 0 or more,",
        "u32" => "a whole number, 0 to 4294967295,",
        "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        "path string" => "a string",
        table if table.starts_with("struct ") => "a table",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_parser_are_put_for_people() {
        let cases = [
            (
                "unknown field `shard`, expected `shards` or `listen`",
                "unknown field `shard` in [host], did you mean `shards`?",
            ),
            ("unknown field `zzz`, expected one of `a`, `b`, `c`", "unknown field `zzz` in [host], there are: a, b, c"),
            (
                "unknown variant `halt`, expected `stop` or `set-aside`",
                "unknown value `halt`, there are: stop, set-aside",
            ),
            (
                "invalid type: string \"x\", expected usize",
                "found string \"x\" where a whole number, 0 or more, is expected",
            ),
            (
                "invalid type: map, expected a sequence",
                "found a table where a list is expected: write its heading in double brackets, as in [[component]]",
            ),
            ("missing field `header`", "`header` is missing in [host]"),
            ("invalid key", "invalid key"),
        ];
        for (message, expected) in cases {
            assert_eq!(explain(message, Some("host")), expected);
        }
    }
}
