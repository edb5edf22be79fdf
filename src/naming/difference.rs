//! Which names a certificate lacks, and which it has beyond what is expected.

use std::collections::BTreeSet;

use crate::name::DnsName;

/// How the names of a certificate differ from those expected; both lists are sorted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Difference {
    /// Expected, and covered by no name of the certificate.
    pub missing: Vec<DnsName>,
    /// On the certificate, and covering nothing that is expected.
    pub extra: Vec<DnsName>,
}

impl Difference {
    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }
}

/// Compares the names a certificate should have with those it has; order and repetition do not
/// matter, and a wildcard covers the names one label below it (RFC 9525 §6.3).
pub fn difference(expected: &[DnsName], actual: &[DnsName]) -> Difference {
    let covers = |certificate: &DnsName, wanted: &DnsName| {
        certificate == wanted || (!wanted.is_wildcard() && certificate.matches(wanted))
    };
    let missing: BTreeSet<_> = expected
        .iter()
        .filter(|wanted| !actual.iter().any(|certificate| covers(certificate, wanted)))
        .collect();
    let extra: BTreeSet<_> = actual
        .iter()
        .filter(|certificate| {
            !expected
                .iter()
                .any(|wanted| covers(certificate, wanted) || covers(wanted, certificate))
        })
        .collect();
    Difference {
        missing: missing.into_iter().cloned().collect(),
        extra: extra.into_iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<DnsName> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn order_and_repetition_make_no_difference() {
        let expected = names(&["a.contoso.com", "b.contoso.com"]);
        let actual = names(&["b.contoso.com", "a.contoso.com", "b.contoso.com"]);
        assert!(difference(&expected, &actual).is_empty());
    }

    #[test]
    fn a_wildcard_covers_what_is_expected_one_label_below_it() {
        let expected = names(&["meet.contoso.com", "a.meet.contoso.com"]);
        let found = difference(&expected, &names(&["*.contoso.com"]));
        assert_eq!(found.missing, names(&["a.meet.contoso.com"]));
        assert!(found.extra.is_empty());
    }

    #[test]
    fn an_expected_wildcard_is_not_covered_by_single_hosts_but_explains_them() {
        let found = difference(&names(&["*.contoso.com"]), &names(&["meet.contoso.com"]));
        assert_eq!(found.missing, names(&["*.contoso.com"]));
        assert!(found.extra.is_empty());
    }

    #[test]
    fn what_covers_nothing_expected_is_extra() {
        let found = difference(
            &names(&["a.contoso.com"]),
            &names(&["a.contoso.com", "old.contoso.com", "*.fabrikam.com"]),
        );
        assert_eq!(found.extra, names(&["*.fabrikam.com", "old.contoso.com"]));
    }
}
