//! Subjects and purposes, as a certificate or a request carries them.
//!
//! What the planned order says is checked here once more against the upper bounds of RFC 5280
//! appendix A.1: a CA that signs a name longer than the field makes certificates that only some
//! programs read.

use rcgen::string::PrintableString;
use rcgen::{DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose};

/// The distinguished name of a subject; attributes that are not set are left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Subject {
    /// The common name (CN), at most 64 characters.
    pub common_name: Option<String>,
    /// The organization (O), at most 64 characters.
    pub organization: Option<String>,
    /// The organizational unit (OU), at most 64 characters.
    pub organizational_unit: Option<String>,
    /// The city (L), at most 128 characters.
    pub locality: Option<String>,
    /// The state or province (ST), at most 128 characters.
    pub state: Option<String>,
    /// The country (C): two letters of ISO 3166.
    pub country: Option<String>,
}

impl Subject {
    /// Returns the name for rcgen, from the country down to the common name.
    pub(super) fn distinguished_name(&self) -> Result<DistinguishedName, InvalidSubject> {
        let mut name = DistinguishedName::new();
        if let Some(country) = &self.country {
            name.push(DnType::CountryName, country_value(country)?);
        }
        for (kind, attribute, limit, value) in [
            (DnType::StateOrProvinceName, "ST", 128, &self.state),
            (DnType::LocalityName, "L", 128, &self.locality),
            (DnType::OrganizationName, "O", 64, &self.organization),
            (DnType::OrganizationalUnitName, "OU", 64, &self.organizational_unit),
            (DnType::CommonName, "CN", 64, &self.common_name),
        ] {
            if let Some(value) = value {
                check(attribute, value, limit)?;
                name.push(kind, value.as_str());
            }
        }
        Ok(name)
    }
}

/// What a certificate may be used for (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Purpose {
    /// `id-kp-serverAuth`: a TLS server.
    ServerAuth,
    /// `id-kp-clientAuth`: a TLS client.
    ClientAuth,
}

impl Purpose {
    pub(super) const fn to_rcgen(self) -> ExtendedKeyUsagePurpose {
        match self {
            Self::ServerAuth => ExtendedKeyUsagePurpose::ServerAuth,
            Self::ClientAuth => ExtendedKeyUsagePurpose::ClientAuth,
        }
    }
}

/// Why a [`Subject`] fits into no certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSubject {
    /// The country is not two letters.
    #[error("country `{}` is not two letters of ISO 3166", .country.escape_debug())]
    Country {
        /// What was given.
        country: Box<str>,
    },
    /// The value has control characters, or nothing else than blanks.
    #[error("{attribute} `{}` is empty or has control characters", .value.escape_debug())]
    Characters {
        /// The attribute's short name.
        attribute: &'static str,
        /// What was given.
        value: Box<str>,
    },
    /// The value is longer than the attribute (RFC 5280 appendix A.1).
    #[error("{attribute} has {len} characters; at most {limit} are allowed")]
    TooLong {
        /// The attribute's short name.
        attribute: &'static str,
        /// How many characters it has.
        len: usize,
        /// How many it may have.
        limit: usize,
    },
}

fn country_value(country: &str) -> Result<DnValue, InvalidSubject> {
    let refused = || InvalidSubject::Country { country: country.into() };
    if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_alphabetic()) {
        return Err(refused());
    }
    PrintableString::try_from(country.to_ascii_uppercase())
        .map(DnValue::PrintableString)
        .ok()
        .ok_or_else(refused)
}

fn check(attribute: &'static str, value: &str, limit: usize) -> Result<(), InvalidSubject> {
    let len = value.chars().count();
    if len > limit {
        return Err(InvalidSubject::TooLong { attribute, len, limit });
    }
    if value.trim().is_empty() || value.chars().any(char::is_control) {
        return Err(InvalidSubject::Characters { attribute, value: value.into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_into_no_certificate_is_refused() {
        let subject = |edit: fn(&mut Subject)| {
            let mut subject = Subject::default();
            edit(&mut subject);
            subject.distinguished_name().unwrap_err().to_string()
        };
        assert!(subject(|it| it.country = Some("GER".into())).contains("ISO 3166"));
        assert!(subject(|it| it.country = Some("Ü".into())).contains("ISO 3166"));
        assert!(subject(|it| it.common_name = Some("x".repeat(65))).contains("at most 64"));
        assert!(subject(|it| it.locality = Some("a\nb".into())).contains("a\\nb"));
        assert!(subject(|it| it.organization = Some(" ".into())).contains("empty"));
    }
}
