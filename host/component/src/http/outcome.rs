//! What of an exchange is recorded, and back [S36].
//!
//! A response: `{"status":200,"headers":[["name","value"]],"text":"…"}`, with `base64` instead of `text` for a body that
//! is not UTF-8, and neither for one without bytes. A failure: one of kind `http/<case>`; a response over a limit may be
//! recorded as one of kind `limit`.

use super::Reply;
use crate::bindings::http::{Body, HttpError, Response};
use serde::{Deserialize, Serialize};
use weir_core::base64;
use weir_core::failure::Failure;
use weir_core::invocation::{Outcome, RequestOutcome};
use weir_core::json::Json;

#[derive(Serialize, Deserialize)]
struct Recorded {
    status: u16,
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// The outcome to record.
pub(crate) fn encode(reply: &Reply) -> RequestOutcome {
    let (outcome, counts_as_retryable) = match &reply.answer {
        Ok(response) => (Ok(encode_response(response)), may_pass(response.status)),
        Err(error) => {
            let failure = encode_error(error);
            // What never left the host is held back as a retryable failure is, so that a mended grant is seen.
            let counts = failure.retryable || !reply.left_host;
            (Err(failure), counts)
        }
    };
    RequestOutcome { outcome, counts_as_retryable, left_host: reply.left_host }
}

/// The answer for the guest of a recorded outcome.
pub(crate) fn decode(outcome: &Outcome) -> Result<Response, HttpError> {
    match outcome {
        Ok(json) => decode_response(json),
        Err(failure) => Err(decode_error(failure)),
    }
}

/// A status that says to try again.
fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

fn encode_response(response: &Response) -> Json {
    let (text, base64) = match &response.body {
        Body::None => (None, None),
        Body::Text(text) => (Some(text.clone()), None),
        Body::Bytes(bytes) => (None, Some(base64::encode(bytes))),
    };
    let recorded = Recorded { status: response.status, headers: response.headers.clone(), text, base64 };
    Json::from_checked(serde_json::to_string(&recorded).expect("strings and numbers are JSON"))
}

fn decode_response(json: &Json) -> Result<Response, HttpError> {
    let unreadable = || HttpError::Other("recorded response is not one".to_owned());
    let recorded: Recorded = serde_json::from_str(json.as_str()).map_err(|_| unreadable())?;
    let body = match (recorded.text, recorded.base64) {
        (Some(text), _) => Body::Text(text),
        (None, Some(text)) => Body::Bytes(base64::decode(&text).ok_or_else(unreadable)?),
        (None, None) => Body::None,
    };
    Ok(Response { status: recorded.status, headers: recorded.headers, body })
}

fn encode_error(error: &HttpError) -> Failure {
    match error {
        HttpError::Denied(message) => Failure::fatal("http/denied", message),
        HttpError::InvalidRequest(message) => Failure::fatal("http/invalid-request", message),
        HttpError::Timeout => Failure::retryable("http/timeout", "no answer in time"),
        HttpError::TooLarge(message) => Failure::fatal("http/too-large", message),
        HttpError::Connection(message) => Failure::retryable("http/connection", message),
        HttpError::Other(message) => Failure::retryable("http/other", message),
    }
}

fn decode_error(failure: &Failure) -> HttpError {
    let message = failure.message.clone();
    match failure.kind.as_str() {
        "http/denied" => HttpError::Denied(message),
        "http/invalid-request" => HttpError::InvalidRequest(message),
        "http/timeout" => HttpError::Timeout,
        "http/too-large" | "limit" => HttpError::TooLarge(message),
        "http/connection" => HttpError::Connection(message),
        _ => HttpError::Other(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: Body) -> Result<Response, HttpError> {
        Ok(Response { status, headers: vec![("a".into(), "b\"".into())], body })
    }

    fn text(answer: Result<Response, HttpError>) -> String {
        format!("{answer:?}")
    }

    // [S36] [S15] [S17]
    #[test]
    fn an_answer_is_the_same_after_it_was_recorded() {
        let answers = [
            response(200, Body::Text("{}".into())),
            response(204, Body::None),
            response(200, Body::Bytes(vec![0xff, 0, 1])),
            Err(HttpError::Denied("x".into())),
            Err(HttpError::InvalidRequest("x".into())),
            Err(HttpError::Timeout),
            Err(HttpError::TooLarge("x".into())),
            Err(HttpError::Connection("x".into())),
            Err(HttpError::Other("x".into())),
        ];
        for answer in answers {
            let expected = text(answer.clone());
            let recorded = encode(&Reply { answer, left_host: true });
            if let Ok(json) = &recorded.outcome {
                assert_eq!(weir_core::json::validate(json.as_str()), Ok(()));
            }
            assert_eq!(text(decode(&recorded.outcome)), expected);
        }
    }

    // [S36]
    #[test]
    fn what_may_pass_counts_as_a_retryable_failure() {
        for (status, expected) in [(200, false), (404, false), (408, true), (425, true), (429, true), (503, true)] {
            let recorded = encode(&Reply { answer: response(status, Body::None), left_host: true });
            assert_eq!(recorded.counts_as_retryable, expected, "{status}");
        }
        let too_large = encode(&Reply { answer: Err(HttpError::TooLarge("x".into())), left_host: true });
        assert!(!too_large.counts_as_retryable, "its effect was made");
        let denied = encode(&Reply { answer: Err(HttpError::Denied("x".into())), left_host: false });
        assert!(denied.counts_as_retryable && !denied.left_host);
    }
}
