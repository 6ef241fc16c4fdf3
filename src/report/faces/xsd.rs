//! XML checked against an XML Schema, as far as the schemas in `fixtures/schemas` go.
//!
//! In: a schema and a document. Out: what is wrong with the document. Understood are global elements and types, sequences
//! and choices, `minOccurs` and `maxOccurs`, mixed content, attributes with `use`, `xs:string`, and references to any of
//! these. A word of the schema language beyond them stops the test, so that nothing passes unchecked; so does a value
//! whose type is a pattern.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

/// What Jenkins' xUnit plugin takes for `JUnit`.
pub(crate) const JUNIT: &str = include_str!("../../../fixtures/schemas/jenkins-junit-10.xsd");

/// Parts of a schema by name.
type Named<'a> = BTreeMap<&'a str, Node<'a, 'a>>;

struct Schema<'a> {
    elements: Named<'a>,
    types: Named<'a>,
    patterns: Vec<&'a str>,
}

/// What is wrong with a document.
pub(crate) fn complaints(schema: &str, document: &str) -> Vec<String> {
    let schema = Document::parse(schema).expect("the schema is XML");
    let schema = Schema::of(schema.root_element());
    let document = Document::parse(document).expect("the document is XML");
    let mut found = Vec::new();
    let root = document.root_element();
    match schema.elements.get(root.tag_name().name()) {
        Some(declared) => schema.element(*declared, root, &mut found),
        None => found.push(format!("{} is no element of the schema", root.tag_name().name())),
    }
    found
}

/// The elements below a node.
fn below<'a>(node: Node<'a, 'a>) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children().filter(Node::is_element)
}

fn name<'a>(node: Node<'a, 'a>) -> &'a str {
    node.attribute("name").expect("it has a name")
}

/// A number of times, `unbounded` being as many as one likes.
fn times(node: Node<'_, '_>, attribute: &str) -> usize {
    match node.attribute(attribute) {
        None => 1,
        Some("unbounded") => usize::MAX,
        Some(number) => number.parse().expect("a number"),
    }
}

impl<'a> Schema<'a> {
    fn of(root: Node<'a, 'a>) -> Schema<'a> {
        let mut schema = Schema {
            elements: Named::new(),
            types: Named::new(),
            patterns: Vec::new(),
        };
        for part in below(root) {
            match part.tag_name().name() {
                "element" => drop(schema.elements.insert(name(part), part)),
                "complexType" => drop(schema.types.insert(name(part), part)),
                "simpleType" => schema.patterns.push(name(part)),
                other => panic!("{other} is not understood"),
            }
        }
        schema
    }

    /// The element that a declaration, or a reference to one, means.
    fn meant(&self, declared: Node<'a, 'a>) -> Node<'a, 'a> {
        declared.attribute("ref").map_or(declared, |name| self.elements[name])
    }

    fn element(&self, declared: Node<'a, 'a>, node: Node<'_, '_>, found: &mut Vec<String>) {
        let called = node.tag_name().name();
        let complex = match declared.attribute("type") {
            Some("xs:string") => {
                let clean = node.attributes().len() == 0 && !node.children().any(|child| child.is_element());
                if !clean {
                    found.push(format!("{called} holds more than text"));
                }
                return;
            }
            Some(name) => self.types[name],
            None => below(declared).next().expect("a type"),
        };
        let mixed = complex.attribute("mixed") == Some("true");
        let text = |child: Node<'_, '_>| child.is_text() && !child.text().unwrap_or_default().trim().is_empty();
        if !mixed && node.children().any(text) {
            found.push(format!("{called} holds text"));
        }
        self.attributes(complex, node, found);
        let children: Vec<Node<'_, '_>> = node.children().filter(Node::is_element).collect();
        let mut rest = children.as_slice();
        for group in below(complex).filter(|part| part.tag_name().name() != "attribute") {
            rest = self.repeated(group, rest, found);
        }
        if let Some(child) = rest.first() {
            found.push(format!("{} has no place in {called}", child.tag_name().name()));
        }
    }

    fn attributes(&self, complex: Node<'a, 'a>, node: Node<'_, '_>, found: &mut Vec<String>) {
        let declared: Named<'a> = below(complex)
            .filter(|part| part.tag_name().name() == "attribute")
            .map(|part| (name(part), part))
            .collect();
        let called = node.tag_name().name();
        for (name, attribute) in &declared {
            if attribute.attribute("use") == Some("required") && node.attribute(*name).is_none() {
                found.push(format!("{called} lacks {name}"));
            }
        }
        for attribute in node.attributes() {
            match declared
                .get(attribute.name())
                .map(|declared| declared.attribute("type"))
            {
                None => found.push(format!("{called} has no {}", attribute.name())),
                Some(Some("xs:string")) => {}
                Some(other) => {
                    let pattern = other.is_some_and(|name| self.patterns.contains(&name));
                    panic!(
                        "{called} {}: {other:?} (a pattern: {pattern}) is not understood",
                        attribute.name()
                    );
                }
            }
        }
    }

    /// Takes a group as often as it may stand; what is left of the children.
    fn repeated<'n, 'd>(
        &self,
        group: Node<'a, 'a>,
        mut children: &'n [Node<'d, 'd>],
        found: &mut Vec<String>,
    ) -> &'n [Node<'d, 'd>] {
        let (least, most) = (times(group, "minOccurs"), times(group, "maxOccurs"));
        let mut taken = 0;
        while taken < most {
            let Some(rest) = self.once(group, children, found) else {
                break;
            };
            let stuck = rest.len() == children.len();
            children = rest;
            taken += 1;
            if stuck {
                break;
            }
        }
        if taken < least {
            found.push(format!(
                "{:?} is missing",
                group.attribute("ref").or(group.attribute("name"))
            ));
        }
        children
    }

    /// Takes a group once; what is left of the children, `None` where it is not there.
    fn once<'n, 'd>(
        &self,
        group: Node<'a, 'a>,
        children: &'n [Node<'d, 'd>],
        found: &mut Vec<String>,
    ) -> Option<&'n [Node<'d, 'd>]> {
        match group.tag_name().name() {
            "sequence" => {
                let parts = below(group);
                Some(parts.fold(children, |rest, part| self.repeated(part, rest, found)))
            }
            "choice" => below(group).find_map(|part| {
                let rest = self.once(part, children, found)?;
                (rest.len() < children.len()).then_some(rest)
            }),
            "element" => {
                let declared = self.meant(group);
                let (first, rest) = children.split_first()?;
                if first.tag_name().name() != name(declared) {
                    return None;
                }
                self.element(declared, *first, found);
                Some(rest)
            }
            other => panic!("{other} is not understood"),
        }
    }
}

/// The check must be able to fail, at each thing it looks at.
#[test]
fn what_is_wrong_is_found() {
    let suite = |inner: &str| {
        format!("<testsuites><testsuite name='s' tests='1' failures='0' errors='0'>{inner}</testsuite></testsuites>")
    };
    let good = suite("<properties/><testcase name='n'><failure type='t'>x</failure><system-out/></testcase>");
    assert_eq!(complaints(JUNIT, &good), Vec::<String>::new());
    let bad = [
        ("<suite/>".to_owned(), "suite is no element"),
        ("<testsuites skipped='0'/>".to_owned(), "testsuites has no skipped"),
        (
            "<testsuites><testcase name='n'/></testsuites>".to_owned(),
            "testcase has no place",
        ),
        (
            "<testsuites><testsuite name='s' tests='1' errors='0'/></testsuites>".to_owned(),
            "lacks failures",
        ),
        (suite("<testcase/>"), "testcase lacks name"),
        (suite("<testcase name='n'>text</testcase>"), "testcase holds text"),
        (suite("<testcase name='n'><failed/></testcase>"), "failed has no place"),
        (
            suite("<properties><property name='n'/></properties>"),
            "property lacks value",
        ),
        (suite("<system-out><b/></system-out>"), "holds more than text"),
    ];
    for (document, wanted) in bad {
        let found = complaints(JUNIT, &document).join("; ");
        assert!(found.contains(wanted), "{document}: {found}");
    }
}
