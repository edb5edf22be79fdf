//! DNS names as they appear in certificates and topologies.
//!
//! RFC 5280 §4.2.1.6 restricts a `dNSName` to the preferred name syntax of RFC 1034; RFC 9525 §6.3
//! allows one wildcard, as the whole leftmost label. [`DnsName`] admits exactly that; [`Fqdn`] is a
//! name of two labels or more without a wildcard, as servers, pools and SIP domains have. Whoever
//! holds one never looks inside the text again: not the issuers, not the store, not the wire.

use std::fmt;
use std::str::FromStr;

/// A lowercase ASCII host name, or a wildcard over one label.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DnsName(Box<str>);

impl DnsName {
    /// Returns the name in the form it takes inside a certificate.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the leftmost label is `*`.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(WILDCARD)
    }

    /// Returns whether a certificate that carries this name is good for `host` (RFC 9525 §6.3).
    pub fn matches(&self, host: &Self) -> bool {
        match self.0.strip_prefix(WILDCARD) {
            Some(parent) => host.0.split_once('.').is_some_and(|(_, rest)| rest == parent),
            None => self == host,
        }
    }

    /// Returns whether this name is `domain` or lies below it.
    pub fn is_within(&self, domain: &Fqdn) -> bool {
        let name = self.0.strip_prefix(WILDCARD).unwrap_or(&self.0);
        name == domain.as_str()
            || name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl FromStr for DnsName {
    type Err = InvalidDnsName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_NAME_LEN {
            return Err(InvalidDnsName::NameTooLong { len: text.len() });
        }

        text.strip_prefix(WILDCARD).unwrap_or(text).split('.').try_for_each(check_label)?;

        Ok(Self(text.to_ascii_lowercase().into_boxed_str()))
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A fully qualified name of a server, a pool or a SIP domain: two labels or more, no wildcard.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fqdn(DnsName);

impl Fqdn {
    /// Returns the name as text, in lower case, without a final dot.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the name as it stands in a certificate.
    pub fn as_dns_name(&self) -> &DnsName {
        &self.0
    }

    /// Returns the first label.
    pub fn host(&self) -> &str {
        self.as_str().split_once('.').map_or(self.as_str(), |(host, _)| host)
    }

    /// Returns everything after the first label.
    pub fn domain(&self) -> &str {
        self.as_str().split_once('.').map_or("", |(_, domain)| domain)
    }

    /// Returns the name that puts `label` in front of this one.
    ///
    /// # Errors
    /// The result may be too long, or `label` may be no label.
    pub fn child(&self, label: &str) -> Result<Self, InvalidDnsName> {
        format!("{label}.{self}").parse()
    }
}

impl FromStr for Fqdn {
    type Err = InvalidDnsName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name: DnsName = text.parse()?;
        if name.is_wildcard() {
            return Err(InvalidDnsName::UnexpectedWildcard);
        }
        if !name.as_str().contains('.') {
            return Err(InvalidDnsName::SingleLabel { name: text.into() });
        }
        Ok(Self(name))
    }
}

impl fmt::Display for Fqdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Fqdn> for DnsName {
    fn from(name: Fqdn) -> Self {
        name.0
    }
}

/// Why a text is not a [`DnsName`] or an [`Fqdn`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDnsName {
    /// A label begins or ends with `-`.
    #[error("label `{label}` begins or ends with a hyphen")]
    EdgeHyphen {
        /// The label.
        label: Box<str>,
    },
    /// Two dots follow each other, or the name begins or ends with one.
    #[error("a label is empty: a name neither begins nor ends with a dot, nor has two in a row")]
    EmptyLabel,
    /// A label has a character outside `A-Z a-z 0-9 -`.
    #[error(
        "label `{label}` contains `{character}`: only the letters a-z, digits and hyphens are \
         allowed (no underscores; names in other scripts take their xn-- form)"
    )]
    ForbiddenCharacter {
        /// The label, with control characters escaped.
        label: Box<str>,
        /// The first character that is not allowed, escaped.
        character: Box<str>,
    },
    /// A label is longer than 63 octets.
    #[error("label `{label}` has {len} octets; at most {MAX_LABEL_LEN} are allowed")]
    LabelTooLong {
        /// The label.
        label: Box<str>,
        /// Its length in octets.
        len: usize,
    },
    /// The name is longer than 253 octets.
    #[error("the name has {len} octets; at most {MAX_NAME_LEN} are allowed")]
    NameTooLong {
        /// Its length in octets.
        len: usize,
    },
    /// A server, pool or SIP domain has no dot.
    #[error("`{name}` has one label; a fully qualified name such as se01.contoso.com is needed")]
    SingleLabel {
        /// The name.
        name: Box<str>,
    },
    /// A wildcard stands where one host must be named.
    #[error("a wildcard is not allowed here")]
    UnexpectedWildcard,
}

fn check_label(label: &str) -> Result<(), InvalidDnsName> {
    match label.as_bytes() {
        [] => Err(InvalidDnsName::EmptyLabel),
        octets if octets.len() > MAX_LABEL_LEN => {
            Err(InvalidDnsName::LabelTooLong { label: escaped(label), len: octets.len() })
        }
        [b'-', ..] | [.., b'-'] => Err(InvalidDnsName::EdgeHyphen { label: escaped(label) }),
        _ => match label.chars().find(|character| !is_ldh(*character)) {
            Some(character) => Err(InvalidDnsName::ForbiddenCharacter {
                label: escaped(label),
                character: character.escape_debug().to_string().into(),
            }),
            None => Ok(()),
        },
    }
}

fn escaped(text: &str) -> Box<str> {
    text.escape_debug().to_string().into()
}

fn is_ldh(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-'
}

const WILDCARD: &str = "*.";
/// RFC 1035 §2.3.4.
const MAX_LABEL_LEN: usize = 63;
/// RFC 1035 §2.3.4: 255 octets on the wire, which is 253 as text.
const MAX_NAME_LEN: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_to_lower_case() {
        assert_eq!("SE01.Contoso.COM".parse::<DnsName>().unwrap().as_str(), "se01.contoso.com");
    }

    #[test]
    fn what_is_not_a_name_is_refused_with_the_reason() {
        let long = format!("{}.contoso.com", "a".repeat(64));
        for (text, part) in [
            ("", "a label is empty"),
            ("a..b", "a label is empty"),
            ("contoso.com.", "a label is empty"),
            ("fe_01.contoso.com", "no underscores"),
            ("büro.contoso.com", "xn--"),
            ("-a.contoso.com", "hyphen"),
            ("a.*.com", "only the letters"),
            (long.as_str(), "at most 63"),
        ] {
            let refusal = text.parse::<DnsName>().unwrap_err().to_string();
            assert!(refusal.contains(part), "{text}: {refusal}");
        }
        assert!("a.b.".repeat(80).parse::<DnsName>().unwrap_err().to_string().contains("253"));
    }

    #[test]
    fn a_server_needs_two_labels_and_no_wildcard() {
        let single = "se01".parse::<Fqdn>().unwrap_err();
        assert_eq!(single, InvalidDnsName::SingleLabel { name: "se01".into() });
        let wildcard = "*.contoso.com".parse::<Fqdn>().unwrap_err();
        assert_eq!(wildcard, InvalidDnsName::UnexpectedWildcard);
    }

    #[test]
    fn a_wildcard_covers_exactly_one_label() {
        let wildcard: DnsName = "*.contoso.com".parse().unwrap();
        assert!(wildcard.matches(&"meet.contoso.com".parse().unwrap()));
        assert!(!wildcard.matches(&"a.meet.contoso.com".parse().unwrap()));
        assert!(!wildcard.matches(&"contoso.com".parse().unwrap()));
    }

    #[test]
    fn a_name_is_within_its_domain_and_not_within_a_lookalike() {
        let domain: Fqdn = "contoso.com".parse().unwrap();
        assert!("se01.contoso.com".parse::<DnsName>().unwrap().is_within(&domain));
        assert!("contoso.com".parse::<DnsName>().unwrap().is_within(&domain));
        assert!(!"notcontoso.com".parse::<DnsName>().unwrap().is_within(&domain));
    }
}
