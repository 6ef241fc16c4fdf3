//! Text that went through a page or a word processor: quotes as entities or typographic ones, blanks that do not break,
//! words in elements that colour them.
//!
//! In: a line. Out: the line as it was.

use std::borrow::Cow;

use super::mend;

/// A line as it was before.
#[must_use]
pub fn restored(line: &str) -> Cow<'_, str> {
    if line.contains('\u{a0}') {
        let blanks = line.replace('\u{a0}', " ");
        return Cow::Owned(restored(&blanks).into_owned());
    }
    // JSON has entities and quotes of its own, inside its strings.
    if line.starts_with('{') && !line.starts_with("{&quot;") || line.trim_start().starts_with("<Data>") {
        return Cow::Borrowed(line);
    }
    let spans = line.contains("</span>");
    if spans || line.contains("&quot;") {
        let words = if spans {
            Cow::Owned(without_spans(line))
        } else {
            line.into()
        };
        return Cow::Owned(without_entities(&words));
    }
    if mend::is_curled(line) && !line.contains('"') {
        return Cow::Owned(mend::straight(line));
    }
    Cow::Borrowed(line)
}

/// A line of XML or HTML with its entities put back.
#[must_use]
pub fn without_entities(line: &str) -> String {
    const ENTITIES: [(&str, &str); 6] = [
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    ENTITIES
        .iter()
        .fold(line.to_owned(), |text, (entity, sign)| text.replace(entity, sign))
}

/// A line of a page without the elements that colour its words.
fn without_spans(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('<') {
        let element = after.starts_with("span") || after.starts_with("/span");
        clean.push_str(before);
        rest = after;
        if let (true, Some((_, behind))) = (element, after.split_once('>')) {
            rest = behind;
        } else {
            clean.push('<');
        }
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_they_were() {
        let line = r#"W0811 04:07:25.047767 1 a.go:1] volume "x" <nil> node 'y'"#;
        for spoilt in [
            r#"W0811 04:07:25.047767 <span class="n">1</span> a.go:1<span class="p">]</span> volume &quot;x&quot; <nil> node 'y'"#,
            "W0811 04:07:25.047767 1 a.go:1] volume &quot;x&quot; &lt;nil&gt; node &#39;y&#39;",
            "W0811 04:07:25.047767 1 a.go:1] volume \u{201c}x\u{201d} <nil> node 'y'",
        ] {
            assert_eq!(restored(spoilt), line);
        }
        for sound in [line, r#"{"log":"&quot;x&quot;"}"#, "\u{201c}a\u{201d} \"b\""] {
            assert_eq!(restored(sound), sound);
        }
    }
}
