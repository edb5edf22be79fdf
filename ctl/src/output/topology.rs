//! The topology an agent works from, and the check of a file.

use rolecall::api::pb;
use serde::Serialize;

use super::table::{Table, plain};
use super::text::{digits, some};
use super::{Look, View};

/// The topology, with everything inferred.
#[derive(Debug, Serialize)]
pub(crate) struct TopologyView {
    server: Option<String>,
    digest: Option<String>,
    text: String,
    inferred: Vec<InferredView>,
    #[serde(skip)]
    explain: bool,
}

/// A value nobody wrote, and why it is so.
#[derive(Debug, Serialize)]
pub(crate) struct InferredView {
    pub(crate) path: String,
    pub(crate) value: String,
    pub(crate) why: Option<String>,
}

impl TopologyView {
    pub(crate) fn of(topology: &pb::GetTopologyResponse, explain: bool) -> Self {
        let inferred = topology
            .inferred
            .iter()
            .map(|inferred| InferredView {
                path: inferred.path.clone(),
                value: inferred.value.clone(),
                why: some(&inferred.why),
            })
            .collect();
        Self {
            server: some(&topology.server),
            digest: digits(&topology.digest),
            text: topology.text.clone(),
            inferred,
            explain,
        }
    }
}

impl View for TopologyView {
    const SCHEMA: &'static str = "rolecall/topology/v1";

    fn human(&self, look: &Look) -> String {
        if !self.explain {
            let lines = self.text.lines().map(super::text::clean_line);
            return lines.map(|line| line + "\n").collect();
        }
        let mut table = Table::new(["VALUE NOBODY WROTE", "IS", "WHY"], look);
        for InferredView { path, value, why } in &self.inferred {
            table.row([plain(path), plain(value), plain(why.as_deref().unwrap_or_default())]);
        }
        table.render("Nothing is inferred.")
    }
}

/// The outcome of checking a topology file.
#[derive(Debug, Serialize)]
pub(crate) struct CheckView {
    file: String,
    sound: bool,
    problems: Vec<ProblemView>,
}

/// One problem in a topology file.
#[derive(Debug, Serialize)]
pub(crate) struct ProblemView {
    pub(crate) line: usize,
    pub(crate) path: Option<String>,
    pub(crate) problem: String,
    pub(crate) remedy: Option<String>,
}

impl CheckView {
    pub(crate) fn of(file: String, problems: Vec<ProblemView>) -> Self {
        Self { file, sound: problems.is_empty(), problems }
    }

    pub(crate) const fn is_sound(&self) -> bool {
        self.sound
    }
}

impl View for CheckView {
    const SCHEMA: &'static str = "rolecall/topology-check/v1";

    fn human(&self, look: &Look) -> String {
        if self.sound {
            return format!("{}: sound\n", super::text::clean(&self.file));
        }
        let mut text = String::new();
        for problem in &self.problems {
            let path = problem.path.as_deref().map(|path| format!("{path}: ")).unwrap_or_default();
            let sentence = format!("{}:{}: {path}{}", self.file, problem.line, problem.problem);
            text.push_str(&super::table::paragraph(&sentence, "", look));
            if let Some(remedy) = &problem.remedy {
                text.push_str(&super::table::paragraph(remedy, "  > ", look));
            }
        }
        text
    }
}
