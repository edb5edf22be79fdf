//! What a certificate's key may be used for, and what may stand below an authority.

use x509_parser::extensions as x509;

use super::printable;

/// The purposes of a key (RFC 5280 §4.2.1.12).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExtendedKeyUsage {
    /// TLS servers.
    pub server_auth: bool,
    /// TLS clients.
    pub client_auth: bool,
    /// Anything.
    pub any: bool,
    /// Everything else, as object identifiers.
    pub others: Vec<Box<str>>,
}

impl From<&x509::ExtendedKeyUsage<'_>> for ExtendedKeyUsage {
    fn from(parsed: &x509::ExtendedKeyUsage<'_>) -> Self {
        let known = [
            (parsed.code_signing, "1.3.6.1.5.5.7.3.3"),
            (parsed.email_protection, "1.3.6.1.5.5.7.3.4"),
            (parsed.time_stamping, "1.3.6.1.5.5.7.3.8"),
            (parsed.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
        ];
        let others = known
            .into_iter()
            .filter(|(present, _)| *present)
            .map(|(_, oid)| oid.into())
            .chain(parsed.other.iter().map(|oid| oid.to_id_string().into()))
            .collect();
        Self {
            server_auth: parsed.server_auth,
            client_auth: parsed.client_auth,
            any: parsed.any,
            others,
        }
    }
}

/// The operations of a key (RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// Returns whether it may sign handshakes.
    pub const fn digital_signature(self) -> bool {
        self.0 & 1 != 0
    }

    /// Returns whether it may decrypt keys, as RSA key exchange does.
    pub const fn key_encipherment(self) -> bool {
        self.0 & (1 << 2) != 0
    }

    /// Returns whether it may agree on keys.
    pub const fn key_agreement(self) -> bool {
        self.0 & (1 << 4) != 0
    }

    /// Returns whether it may sign certificates.
    pub const fn key_cert_sign(self) -> bool {
        self.0 & (1 << 5) != 0
    }

    /// Returns whether it may sign revocation lists.
    pub const fn crl_sign(self) -> bool {
        self.0 & (1 << 6) != 0
    }
}

impl From<&x509::KeyUsage> for KeyUsage {
    fn from(parsed: &x509::KeyUsage) -> Self {
        Self(parsed.flags)
    }
}

/// Whether a certificate is an authority's, and how deep it may delegate (RFC 5280 §4.2.1.9).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BasicConstraints {
    /// Whether it is an authority's.
    pub is_ca: bool,
    /// How many authorities may follow below it; absent means any number.
    pub path_len: Option<u32>,
}

impl From<&x509::BasicConstraints> for BasicConstraints {
    fn from(parsed: &x509::BasicConstraints) -> Self {
        Self { is_ca: parsed.ca, path_len: parsed.path_len_constraint }
    }
}

/// The DNS names that may stand below an authority (RFC 5280 §4.2.1.10).
///
/// Other kinds of names are not kept: rustls-webpki's verdict covers them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NameConstraints {
    /// The domains that names must lie in, if there are any.
    pub permitted: Vec<Box<str>>,
    /// The domains that no name may lie in.
    pub excluded: Vec<Box<str>>,
}

impl NameConstraints {
    /// Returns whether a name, lower case, may stand below the authority.
    ///
    /// A wildcard is judged by its domain, as rustls-webpki does.
    pub fn allow(&self, name: &str) -> bool {
        let is_listed = |domains: &[Box<str>]| domains.iter().any(|domain| is_within(name, domain));
        !is_listed(&self.excluded) && (self.permitted.is_empty() || is_listed(&self.permitted))
    }
}

impl From<&x509::NameConstraints<'_>> for NameConstraints {
    fn from(parsed: &x509::NameConstraints<'_>) -> Self {
        Self {
            permitted: dns_subtrees(parsed.permitted_subtrees.as_deref()),
            excluded: dns_subtrees(parsed.excluded_subtrees.as_deref()),
        }
    }
}

fn dns_subtrees(subtrees: Option<&[x509::GeneralSubtree<'_>]>) -> Vec<Box<str>> {
    subtrees
        .unwrap_or_default()
        .iter()
        .filter_map(|subtree| {
            let x509::GeneralName::DNSName(name) = &subtree.base else { return None };
            Some(printable(name).to_ascii_lowercase().into_boxed_str())
        })
        .collect()
}

fn is_within(name: &str, domain: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    match domain.strip_prefix('.') {
        Some(parent) => name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.')),
        None => {
            domain.is_empty()
                || name == domain
                || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
        }
    }
}
