//! The manual, as part of the documentation.
//!
//! Its pages are Markdown files under `src/manual/`, in reading order: how to begin, how it is made,
//! what it works from, what to type at two in the morning, and the lists to look things up in.

pub mod getting_started {
    #![doc = include_str!("manual/getting-started.md")]
}

pub mod architecture {
    #![doc = include_str!("manual/architecture.md")]
}

pub mod topology {
    #![doc = include_str!("manual/topology.md")]
}

pub mod cli {
    #![doc = include_str!("manual/cli.md")]
}

pub mod operations {
    #![doc = include_str!("manual/operations.md")]
}

pub mod findings {
    #![doc = include_str!("manual/findings.md")]
}

pub mod failures {
    #![doc = include_str!("manual/failures.md")]
}

pub mod embedded_ca {
    #![doc = include_str!("manual/embedded-ca.md")]
}

pub mod store_format {
    #![doc = include_str!("manual/store-format.md")]
}

pub mod security {
    #![doc = include_str!("manual/security.md")]
}

pub mod benchmarks {
    #![doc = include_str!("manual/benchmarks.md")]
}

pub mod decisions {
    //! What was decided, against what, and what follows from it: one page each.

    pub mod d0001_one_journal_group {
        #![doc = include_str!("manual/decisions/0001-one-journal-group.md")]
    }

    pub mod d0002_rows_are_messages {
        #![doc = include_str!("manual/decisions/0002-rows-are-messages.md")]
    }

    pub mod d0003_errors_block_orders_warnings_block_assign {
        #![doc = include_str!("manual/decisions/0003-errors-block-orders-warnings-block-assign.md")]
    }

    pub mod d0004_keys_through_a_spool {
        #![doc = include_str!("manual/decisions/0004-keys-through-a-spool.md")]
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::FindingCode;

    const FINDINGS: &str = include_str!("manual/findings.md");

    fn section(code: FindingCode) -> &'static str {
        let start = format!("\n## {code}\n");
        let (_, rest) = FINDINGS.split_once(&start).unwrap_or_else(|| panic!("no section {code}"));
        rest.split("\n## ").next().unwrap_or_default()
    }

    #[test]
    fn every_finding_has_a_section_that_says_what_it_means_and_what_to_do() {
        for code in FindingCode::ALL {
            let text = section(*code).replace('\n', " ");
            let head = format!("{} ({})", code.meaning(), code.severity());
            assert!(text.contains(&head), "{code} does not say `{head}`");
            for part in ["**Likely cause.**", "**What to do.**"] {
                assert!(text.contains(part), "{code} lacks {part}");
            }
        }
    }

    #[test]
    fn no_section_describes_a_finding_that_does_not_exist() {
        for heading in FINDINGS.lines().filter_map(|line| line.strip_prefix("## ")) {
            assert_eq!(heading.parse::<FindingCode>().map(FindingCode::as_str), Ok(heading));
        }
    }
}
