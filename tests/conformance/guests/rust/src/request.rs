//! Requests, and what comes of them.

use std::time::Duration;

use weir_sdk::prelude::*;

#[derive(Deserialize)]
pub struct RequestStep {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default, deserialize_with = "given")]
    json: Option<Value>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    timeout_ms: Option<u64>,
    #[serde(default)]
    any_status: bool,
    read: Option<Read>,
}

/// A value that is there, null too.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Read {
    Json,
    Text,
    Bytes,
}

impl RequestStep {
    pub fn send(&self, ctx: &Context) -> Result<Value> {
        let request = self.request(ctx);
        let response = if self.any_status { request.send_any_status()? } else { request.send()? };
        self.came(&response)
    }

    pub fn request(&self, ctx: &Context) -> Request {
        let mut request = ctx.request(&self.method, &self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.json {
            request = request.json(body);
        }
        if let Some(body) = &self.text {
            request = request.text(body);
        }
        if let Some(body) = &self.bytes {
            request = request.bytes(body.clone());
        }
        match self.timeout_ms {
            Some(ms) => request.timeout(Duration::from_millis(ms)),
            None => request,
        }
    }

    pub fn came(&self, response: &Response) -> Result<Value> {
        let body = match self.read {
            None => Value::Null,
            Some(Read::Json) => response.json()?,
            Some(Read::Text) => json!(response.text()?),
            Some(Read::Bytes) => json!(response.bytes()),
        };
        Ok(json!({"status": response.status(), "type": response.header("content-type"), "body": body}))
    }
}
