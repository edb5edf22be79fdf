//! What is shown while an order is under way.
//!
//! On a terminal one moving line; elsewhere one line for each change of state, so that a log file
//! reads like a journal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::console::Console;
use crate::output::text::clean;

/// The progress of one order.
#[derive(Debug)]
pub(crate) struct Progress {
    order_id: u64,
    bar: Option<ProgressBar>,
    said: String,
}

impl Progress {
    pub(crate) fn new(order_id: u64, console: &Console) -> Self {
        let bar = console.is_animated().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { order_id, bar, said: String::new() }
    }

    /// Shows where the order stands; the same words twice are shown once.
    pub(crate) fn say(&mut self, words: &str, console: &mut Console) {
        if self.said == words {
            return;
        }
        words.clone_into(&mut self.said);
        let line = clean(&format!("order {}: {words}", self.order_id));
        match &self.bar {
            Some(bar) => bar.set_message(line),
            None => console.note(&line),
        }
    }

    /// Clears the moving line.
    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

const TICK: Duration = Duration::from_millis(120);
