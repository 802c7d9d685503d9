//! Markdown to answers: which text and which ticked boxes stand under which title.
//!
//! A title is a heading or a bold lead-in at the start of a paragraph; order, case, closing punctuation, HTML
//! comments, CRLF and extra sections do not matter. The parser is comrak, which GitLab itself renders with, so
//! that we read what the approvers see. The walk goes to a fixed depth: nesting is chosen by the person who types.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};

use super::{Field, Titles};
use crate::planted::{self, Bug};

/// Lists within lists deeper than this are not read.
const DEPTH: usize = 6;

/// What stands under one title.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Text outside of boxes, one entry a paragraph.
    pub text: Vec<String>,
    /// Labels of ticked boxes.
    pub ticked: Vec<String>,
}

impl Answer {
    /// All that was filled in, ticked boxes first.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.ticked.iter().chain(&self.text).map(String::as_str)
    }

    /// All of it as one text; empty if nothing was filled in.
    pub fn whole(&self) -> String {
        self.entries().collect::<Vec<_>>().join("\n")
    }
}

/// The answers by field, and the fields that have more than one title in the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// What stands under each title found.
    pub by_field: BTreeMap<Field, Answer>,
    /// Fields whose title was found twice.
    pub repeated: BTreeSet<Field>,
}

/// Whether a line of `description` is the template's marker.
pub fn carries_marker(description: &str, marker: &str) -> bool {
    planted::is(Bug::EveryIssue) || description.lines().any(|line| line.trim() == marker)
}

/// Reads a description.
pub fn read(description: &str, titles: &Titles) -> Answers {
    let mut options = Options::default();
    options.extension.tasklist = true;
    options.extension.strikethrough = true;
    let arena = Arena::new();
    let root = parse_document(&arena, description, &options);
    let mut reader = Reader { titles, answers: Answers::default(), current: None };
    for node in root.children() {
        reader.block(node, 0, false);
    }
    reader.answers
}

struct Reader<'t> {
    titles: &'t Titles,
    answers: Answers,
    current: Option<Field>,
}

impl Reader<'_> {
    fn block<'a>(&mut self, node: &'a AstNode<'a>, depth: usize, ticked: bool) {
        let value = node.data.borrow().value.clone();
        match value {
            NodeValue::Heading(_) => self.heading(&text_of(node)),
            NodeValue::Paragraph => self.paragraph(node, ticked),
            NodeValue::CodeBlock(code) => self.fill(&code.literal, ticked),
            NodeValue::HtmlBlock(_) => {}
            NodeValue::TaskItem(item) => self.children(node, depth, item.symbol.is_some()),
            _ => self.children(node, depth, ticked),
        }
    }

    fn children<'a>(&mut self, node: &'a AstNode<'a>, depth: usize, ticked: bool) {
        let is_empty_box =
            matches!(&node.data.borrow().value, NodeValue::TaskItem(item) if item.symbol.is_none());
        if depth >= DEPTH || is_empty_box {
            return;
        }
        for child in node.children() {
            self.block(child, depth + 1, ticked);
        }
    }

    fn heading(&mut self, title: &str) {
        self.current = self.field_of(title);
        if let Some(field) = self.current {
            self.open(field);
        }
    }

    fn open(&mut self, field: Field) {
        match self.answers.by_field.entry(field) {
            Entry::Occupied(_) => drop(self.answers.repeated.insert(field)),
            Entry::Vacant(place) => drop(place.insert(Answer::default())),
        }
    }

    fn paragraph<'a>(&mut self, node: &'a AstNode<'a>, ticked: bool) {
        let lead_in =
            node.first_child().filter(|first| matches!(first.data.borrow().value, NodeValue::Strong));
        let field = lead_in.and_then(|strong| self.field_of(&text_of(strong)));
        let Some((field, strong)) = field.zip(lead_in) else {
            return self.fill(&text_of(node), ticked);
        };
        self.current = Some(field);
        self.open(field);
        let rest: String = strong.following_siblings().skip(1).map(text_of).collect();
        self.fill(rest.trim_start_matches([':', ' ', '\n', '-', '–']), ticked);
    }

    fn fill(&mut self, text: &str, ticked: bool) {
        let text = text.trim();
        let Some(answer) = self.current.and_then(|field| self.answers.by_field.get_mut(&field)) else {
            return;
        };
        if text.is_empty() {
            return;
        }
        let list = if ticked { &mut answer.ticked } else { &mut answer.text };
        list.push(text.to_owned());
    }

    fn field_of(&self, title: &str) -> Option<Field> {
        let title = plain(title);
        let names = |titles: &Vec<String>| titles.iter().any(|name| plain(name) == title);
        self.titles.iter().find(|(_, titles)| names(titles)).map(|(field, _)| *field)
    }
}

/// Lower case, single spaces, without closing punctuation or a required-field star.
fn plain(title: &str) -> String {
    let words: Vec<String> = title.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ").trim_end_matches([':', '?', '.', '*', ' ']).to_owned()
}

/// The text of a node and all below it, as a reader sees it: no comments, no tags.
fn text_of<'a>(node: &'a AstNode<'a>) -> String {
    let mut text = String::new();
    for inner in node.descendants() {
        match &inner.data.borrow().value {
            NodeValue::Text(words) => text.push_str(words),
            NodeValue::Code(code) => text.push_str(&code.literal),
            NodeValue::SoftBreak | NodeValue::LineBreak => text.push('\n'),
            NodeValue::Link(link) if !link.url.is_empty() => {
                text.push_str(&link.url);
                text.push(' ');
            }
            _ => {}
        }
    }
    text
}
