//! Recorded and observed JSON side by side.
//!
//! In: a recorded step and what the model showed. Out: the fields that differ, named by the path to them, no deeper than
//! two levels: `s.p` are the pending operations, `x` the log.

use serde_json::Value;

use super::Observed;

/// Error texts, of which only the presence is compared.
const TEXTS: [&str; 3] = ["e", "msg", "log"];

/// One field in which the model disagrees with the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Index of the step.
    pub step: usize,
    /// The operation of the step, `pass`.
    pub op: String,
    /// The field, `s.a`.
    pub field: String,
    /// As recorded.
    pub recorded: Value,
    /// As the model has it.
    pub model: Value,
}

/// All fields of a step that differ.
pub fn differences(at: usize, step: &Value, observed: &Observed) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |field: String, recorded: &Value, model: &Value| {
        let op = step["o"].as_str().unwrap_or("?").to_owned();
        found.push(Difference {
            step: at,
            op,
            field,
            recorded: recorded.clone(),
            model: model.clone(),
        });
    };
    for (field, model) in observed {
        let recorded = &step[*field];
        match (recorded, model) {
            (Value::Object(left), Value::Object(right)) => {
                let only_right = right.keys().filter(|key| !left.contains_key(*key));
                for key in left.keys().chain(only_right) {
                    let (was, is) = (&recorded[key], &model[key]);
                    if !agree(key, was, is) {
                        add(format!("{field}.{key}"), was, is);
                    }
                }
            }
            // An empty log is left out of the recording.
            (Value::Null, Value::Array(none)) if none.is_empty() => {}
            _ if recorded == model => {}
            _ => add((*field).to_owned(), recorded, model),
        }
    }
    found
}

fn agree(key: &str, recorded: &Value, model: &Value) -> bool {
    if TEXTS.contains(&key) {
        recorded.is_null() == model.is_null()
    } else {
        recorded == model
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_the_fields_that_differ() {
        let step = json!({"o": "take", "r": {"e": "some text", "x": 1}, "t": 5, "s": {"a": [], "b": 2}});
        let same = vec![("x", json!([])), ("r", json!({"e": "other", "x": 1})), ("t", json!(5))];
        assert_eq!(differences(0, &step, &same), []);
        let other = vec![
            ("r", json!({"x": 1})),
            ("s", json!({"a": [1], "b": 2, "c": 3})),
            ("t", json!(6)),
        ];
        let fields: Vec<String> = differences(0, &step, &other)
            .into_iter()
            .map(|found| found.field)
            .collect();
        assert_eq!(fields, ["r.e", "s.a", "s.c", "t"]);
    }
}
