//! Cases, as their files say them.

use super::outside::Outside;
use weir_core::action_state::{CallPut, CallResult, CallStatus};
use weir_core::failure::Failure;
use weir_core::id::digest_of_bytes;
use weir_core::json::{Json, canonical};
use weir_core::key::Key;
use weir_core::limits::InvocationLimits;
use weir_tests::exact::Exact;
use weir_tests::files;

/// When a case's input events came about, unless it says otherwise, in milliseconds since 1970 UTC.
const EVENT_TIMESTAMP_MS: u64 = 1_700_000_000_000;

/// One file of cases.
pub struct CaseFile {
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Clone)]
pub struct Case {
    pub group: String,
    pub name: String,
    pub events: Vec<CaseEvent>,
    /// How the server answers.
    pub answers: Vec<Answer>,
    /// What the log holds of the first action already.
    pub recorded: Vec<CallPut>,
    pub config: Vec<(String, String)>,
    pub limits: InvocationLimits,
    /// Attempts in all.
    pub attempts: u32,
    disturbed: bool,
    expect: Exact,
    differs: Exact,
}

/// An input event.
#[derive(Clone)]
pub struct CaseEvent {
    pub key: Key,
    pub kind: String,
    pub payload: String,
    pub timestamp_ms: Option<u64>,
    pub headers: Vec<(String, String)>,
}

/// An answer of the server to a request.
#[derive(Clone)]
pub struct Answer {
    /// `POST /path`, without the query.
    pub request: String,
    pub how: How,
}

#[derive(Clone)]
pub enum How {
    Respond {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        /// Not before so many requests have come.
        together: usize,
    },
    /// Nothing comes.
    Silent,
    /// Nothing comes, for the host dies as the request arrives.
    Kill,
}

impl CaseFile {
    /// All files, in the order of their names.
    pub fn read_all(outside: &Outside) -> Vec<Self> {
        let folder = files::root().join("tests/conformance/cases");
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort();
        let read = |path: &std::path::PathBuf| {
            let group = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let text = text.replace("{server}", &outside.origin).replace("{closed}", &outside.closed_origin);
            let file = Exact::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            check_fields(&group, &file, &["about", "cases"]);
            let cases = file.get("cases").expect("a file has cases").items();
            let cases = cases.iter().map(|case| Case::read(&group, &expand(case))).filter(Case::is_wanted).collect();
            Self { cases }
        };
        paths.iter().map(read).filter(|file| !file.cases.is_empty()).collect()
    }
}

impl Case {
    fn read(group: &str, case: &Exact) -> Self {
        let name = case.get("name").and_then(Exact::as_text).expect("a case has a name");
        let place = format!("{group}/{name}");
        let known = ["name", "steps", "events", "answers", "recorded", "config", "limits", "attempts", "undisturbed"];
        check_fields(&place, case, &[&known[..], &["expect", "differs"]].concat());
        let list = |field| case.get(field).map_or(&[][..], Exact::items);
        let mut limits = InvocationLimits::default();
        for (limit, value) in fields(case.get("limits")) {
            set_limit(&mut limits, &limit, value.as_u64().expect("a limit is a number"));
        }
        let text = |value: &Exact| value.as_text().expect("a setting is a text");
        let expect = case.get("expect").unwrap_or_else(|| panic!("{place} expects nothing")).clone();
        check_fields(&place, &expect, &super::expect::FIELDS);
        let recorded = list("recorded").iter().zip(0..).map(|(call, position)| recorded(&place, call, position));
        Self {
            group: group.to_owned(),
            events: match case.get("steps") {
                Some(_) => vec![CaseEvent::read(&place, &Exact::Object(vec![("steps".into(), steps(case))]))],
                None => list("events").iter().map(|event| CaseEvent::read(&place, event)).collect(),
            },
            answers: list("answers").iter().map(|answer| Answer::read(&place, answer)).collect(),
            recorded: recorded.collect(),
            config: fields(case.get("config")).iter().map(|(name, value)| (name.clone(), text(value))).collect(),
            limits,
            attempts: case.get("attempts").map_or(5, |attempts| attempts.as_u64().expect("a number") as u32),
            disturbed: case.get("undisturbed").is_some(),
            expect,
            differs: case.get("differs").cloned().unwrap_or(Exact::Object(Vec::new())),
            name,
        }
    }

    /// Whether `WEIR_CONFORMANCE_CASES` names it, by a part of `group/name`.
    fn is_wanted(&self) -> bool {
        let wanted = std::env::var("WEIR_CONFORMANCE_CASES").unwrap_or_default();
        format!("{}/{}", self.group, self.name).contains(&wanted)
    }

    /// Why the language does something else, if it does; a fixture (`rust-0.1.0`) has its own reasons, or its language's.
    pub fn differs(&self, language: &str) -> Option<&Exact> {
        let of_language = language.split('-').next().unwrap_or(language);
        self.differs.get(language).or_else(|| self.differs.get(of_language))
    }

    /// Whether an instance that served others may do something else.
    pub fn only_fresh(&self, language: &str) -> bool {
        self.differs(language).is_some_and(|other| other.get("fresh_only").is_some())
    }

    /// The reason of a difference.
    pub fn reason(&self, language: &str) -> Option<String> {
        let because = self.differs(language)?.get("because").and_then(Exact::as_text);
        Some(because.unwrap_or_else(|| panic!("{}/{} differs for {language} without a reason", self.group, self.name)))
    }

    /// What a language is to do; none if it can't.
    pub fn expected(&self, language: &str) -> Option<Exact> {
        let Some(other) = self.differs(language) else { return Some(self.expect.clone()) };
        check_fields(&self.name, other, &["because", "left_out", "fresh_only", "expect"]);
        if other.get("left_out").is_some() {
            return None;
        }
        let mut expect = self.expect.clone();
        let Exact::Object(known) = &mut expect else { panic!("{}: what is expected is an object", self.name) };
        for (field, value) in fields(other.get("expect")) {
            known.retain(|(name, _)| name.to_text() != field);
            known.push((field.as_str().into(), value));
        }
        Some(expect)
    }

    /// Whether answers wait for each other.
    pub fn has_answers_together(&self) -> bool {
        self.answers.iter().any(|answer| matches!(answer.how, How::Respond { together: 2.., .. }))
    }

    /// The same, with nothing that goes wrong outside: only the last answer to each request, no kill, nothing recorded.
    pub fn undisturbed(&self) -> Option<Self> {
        if !self.disturbed {
            return None;
        }
        let mut calm = self.clone();
        calm.recorded.clear();
        let last =
            |at: usize, answer: &Answer| self.answers[at + 1..].iter().all(|next| next.request != answer.request);
        let answers = self.answers.iter().enumerate().filter(|(at, answer)| last(*at, answer));
        calm.answers = answers.map(|(_, answer)| answer.clone()).collect();
        Some(calm)
    }
}

impl CaseEvent {
    fn read(place: &str, event: &Exact) -> Self {
        let known = ["key", "key_bytes", "kind", "steps", "payload", "text", "timestamp_ms", "headers"];
        check_fields(place, event, &known);
        let key = match (event.get("key").and_then(Exact::as_text), event.get("key_bytes")) {
            (Some(key), _) => Key::new(key),
            (None, Some(bytes)) => Key::new(bytes_of(bytes)),
            (None, None) => Key::new("north"),
        };
        let payload = match (event.get("steps"), event.get("text")) {
            (Some(_), _) => Some(Exact::Object(vec![("steps".into(), steps(event))]).to_string()),
            (None, Some(text)) => text.as_text(),
            (None, None) => event.get("payload").map(Exact::to_string),
        };
        Self {
            key,
            kind: event.get("kind").and_then(Exact::as_text).unwrap_or_else(|| "script".to_owned()),
            payload: payload.unwrap_or_else(|| panic!("{place}: an event has steps, a payload or a text")),
            timestamp_ms: match event.get("timestamp_ms") {
                None => Some(EVENT_TIMESTAMP_MS),
                Some(given) => given.as_u64(),
            },
            headers: pairs(event.get("headers")),
        }
    }
}

impl Answer {
    fn read(place: &str, answer: &Exact) -> Self {
        let known = ["request", "status", "headers", "json", "text", "bytes", "together", "silent", "kill"];
        check_fields(place, answer, &known);
        let body = match (answer.get("json"), answer.get("text"), answer.get("bytes")) {
            (Some(json), _, _) => json.to_string().into_bytes(),
            (_, Some(text), _) => text.as_text().expect("a text").into_bytes(),
            (_, _, Some(bytes)) => bytes_of(bytes),
            (None, None, None) => Vec::new(),
        };
        let mut headers = pairs(answer.get("headers"));
        if answer.get("json").is_some() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let number = |field, default| answer.get(field).map_or(default, |value| value.as_u64().expect("a number"));
        let how = if answer.get("silent").is_some() {
            How::Silent
        } else if answer.get("kill").is_some() {
            How::Kill
        } else {
            How::Respond {
                status: number("status", 200) as u16,
                headers,
                body,
                together: number("together", 0) as usize,
            }
        };
        Self { request: answer.get("request").and_then(Exact::as_text).expect("an answer names its request"), how }
    }
}

fn steps(of: &Exact) -> Exact {
    of.get("steps").expect("it was just seen").clone()
}

/// A call that an earlier attempt recorded.
fn recorded(place: &str, call: &Exact, position: u32) -> CallPut {
    check_fields(place, call, &["function", "arguments", "ok", "fail", "pending"]);
    let arguments = call.get("arguments").expect("a recorded call has arguments").to_string();
    let mut text = String::new();
    canonical(&arguments, &mut text).expect("arguments are JSON");
    let json = |value: &Exact| Json::parse(&value.to_string()).expect("a case is JSON");
    let status = match (call.get("ok"), call.get("fail")) {
        (Some(value), _) => CallStatus::Succeeded(json(value)),
        (None, Some(fail)) => CallStatus::Failed(Failure {
            retryable: fail.get("retryable") == Some(&Exact::Bool(true)),
            retry_after_ms: fail.get("wait_ms").and_then(Exact::as_u64).map(|ms| ms as u32),
            kind: fail.get("kind").and_then(Exact::as_text).expect("a failure has a kind"),
            message: fail.get("message").and_then(Exact::as_text).expect("a failure has a message"),
            details: fail.get("details").map(json),
        }),
        (None, None) => CallStatus::Pending { effect_ends_at_ms: EVENT_TIMESTAMP_MS },
    };
    let pending = matches!(status, CallStatus::Pending { .. });
    let retryable = matches!(&status, CallStatus::Failed(failure) if failure.retryable);
    let result = CallResult {
        function_id: call.get("function").and_then(Exact::as_text).expect("a call has a function").into(),
        arguments_digest: digest_of_bytes(text.as_bytes()),
        status,
        retryable,
        completed_at_ms: if pending { 0 } else { EVENT_TIMESTAMP_MS + 5_000 },
    };
    CallPut::Put(position, result)
}

/// `{"$repeat": [TEXT, TIMES]}` stands for a long text.
fn expand(value: &Exact) -> Exact {
    if let Some([text, times]) = value.get("$repeat").map(Exact::items) {
        let (text, times) = (text.as_text().expect("a text"), times.as_u64().expect("a number"));
        return Exact::text(&text.repeat(times as usize));
    }
    match value {
        Exact::List(items) => Exact::List(items.iter().map(expand).collect()),
        Exact::Object(fields) => {
            Exact::Object(fields.iter().map(|(name, value)| (name.clone(), expand(value))).collect())
        }
        other => other.clone(),
    }
}

fn set_limit(limits: &mut InvocationLimits, name: &str, value: u64) {
    let size = value as usize;
    match name {
        "memory_bytes_max" => limits.memory_bytes_max = size,
        "wall_ms_max" => limits.wall_ms_max = value,
        "cpu_ms_max" => limits.cpu_ms_max = value,
        "effect_ms_max" => limits.effect_ms_max = value,
        "events_max" => limits.events_max = size,
        "event_bytes_max" => limits.event_bytes_max = size,
        "calls_max" => limits.calls_max = size,
        "value_bytes_max" => limits.value_bytes_max = size,
        "path_bytes_max" => limits.path_bytes_max = size,
        "response_bytes_max" => limits.response_bytes_max = size,
        "log_lines_max" => limits.log_lines_max = size,
        other => panic!("no case sets a limit {other:?} yet: add it here"),
    }
}

fn fields(object: Option<&Exact>) -> Vec<(String, Exact)> {
    match object {
        Some(Exact::Object(fields)) => fields.iter().map(|(name, value)| (name.to_text(), value.clone())).collect(),
        _ => Vec::new(),
    }
}

fn check_fields(place: &str, object: &Exact, known: &[&str]) {
    for (name, _) in fields(Some(object)) {
        assert!(known.contains(&name.as_str()), "{place}: there is no field {name:?}; there are {known:?}");
    }
}

fn pairs(list: Option<&Exact>) -> Vec<(String, String)> {
    let text = |value: &Exact| value.as_text().expect("a text");
    list.map_or(&[][..], Exact::items).iter().map(|pair| (text(&pair.items()[0]), text(&pair.items()[1]))).collect()
}

fn bytes_of(list: &Exact) -> Vec<u8> {
    list.items().iter().map(|byte| byte.as_u64().expect("a byte") as u8).collect()
}
