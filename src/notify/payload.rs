//! A message in the form that a webhook's receiver takes. Pure.
//!
//! Where a receiver knows markup, strangers' text stands where it knows none: in a code block, in a
//! text run.

use serde_json::{Value, json};

use super::message::Message;
use crate::config::WebhookFormat;
use crate::report::escaped_json;

/// The body of the request: JSON.
pub fn body(message: &Message, format: WebhookFormat) -> String {
    let body = match format {
        WebhookFormat::Json => message.json.clone(),
        WebhookFormat::Teams => teams(message),
        WebhookFormat::Slack => slack(message),
    };
    escaped_json(body.to_string())
}

/// An Adaptive Card in a message, as Teams' workflows take it.
fn teams(message: &Message) -> Value {
    let title = json!({
        "type": "TextBlock", "text": message.subject, "weight": "Bolder", "wrap": true,
    });
    // An empty run shows no line.
    let line = |line: &String| {
        let text = if line.is_empty() { " " } else { line };
        let run =
            json!({ "type": "TextRun", "text": text, "fontType": "Monospace", "size": "Small" });
        json!({ "type": "RichTextBlock", "inlines": [run], "spacing": "None" })
    };
    let body: Vec<Value> = std::iter::once(title).chain(message.lines.iter().map(line)).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": { "width": "Full" },
                "body": body,
            },
        }],
    })
}

/// Text with a code block. `&`, `<` and `>` are Slack's own marks.
fn slack(message: &Message) -> Value {
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let lines = plain(&message.lines.join("\n")).replace('`', "'");
    json!({ "text": format!("*{}*\n```\n{lines}\n```", plain(&message.subject)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> Message {
        Message {
            id: "1".into(),
            subject: "[kpifire-scim] plant7: DRIFT".into(),
            text: String::new(),
            lines: vec!["first".into(), String::new(), line.into()],
            attachment: None,
            json: json!({ "version": 1 }),
        }
    }

    #[test]
    fn markup_of_strangers_is_text() {
        let hostile = "``` <!channel> [click](http://evil.example) <b>&";
        let slack = slack(&message(hostile));
        let text = slack["text"].as_str().unwrap();
        assert_eq!(text.matches("```").count(), 2, "{text}");
        assert!(
            text.contains("&lt;!channel&gt;") && text.ends_with("&lt;b&gt;&amp;\n```"),
            "{text}"
        );
        let teams = teams(&message(hostile));
        let body = teams["attachments"][0]["content"]["body"].as_array().unwrap();
        assert_eq!(body[3]["inlines"][0]["text"], hostile);
        assert!(body.iter().skip(1).all(|block| block["type"] == "RichTextBlock"), "{body:#?}");
    }

    #[test]
    fn a_program_gets_the_keys() {
        assert_eq!(body(&message("x"), WebhookFormat::Json), "{\"version\":1}");
    }
}
