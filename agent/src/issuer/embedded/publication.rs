//! Where CRLs and CA certificates are published: URLs in certificates, paths on the listener.
//!
//! Both sides are made here, from one key id, so that a certificate can never name a path that the
//! listener does not answer.

use std::fmt;
use std::str::FromStr;

use rcgen::{CrlDistributionPoint, CustomExtension};
use rolecall::hex;

use super::der::{OBJECT_IDENTIFIER, SEQUENCE, URI, tlv};

/// The subject key identifier of a CA, under which its CRL and its certificate are published.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AuthorityKeyId(Box<[u8]>);

impl AuthorityKeyId {
    /// Names an authority by its subject key identifier.
    pub fn new(octets: &[u8]) -> Self {
        Self(octets.into())
    }

    /// Returns the octets as the certificate carries them (RFC 5280 §4.2.1.2).
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the listener's path of this CA's revocation list.
    pub fn crl_path(&self) -> String {
        format!("/crl/{self}.crl")
    }

    /// Returns the listener's path of this CA's certificate.
    pub fn certificate_path(&self) -> String {
        format!("/ca/{self}.cer")
    }
}

impl fmt::Display for AuthorityKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write_lower(f, &self.0)
    }
}

impl fmt::Debug for AuthorityKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorityKeyId({self})")
    }
}

/// The URL under which clients reach the publication listener, such as `http://pki.contoso.com:7480`.
///
/// Plain HTTP on purpose: a client that checks revocation to accept a TLS certificate would have to
/// check that of the list's server first (RFC 5280 §8).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicationUrl(Box<str>);

impl PublicationUrl {
    /// Returns the URL, without a final slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the URL of the revocation list that `authority` signs.
    pub fn crl(&self, authority: &AuthorityKeyId) -> String {
        format!("{}{}", self.0, authority.crl_path())
    }

    /// Returns the URL of the certificate of `authority`.
    pub fn certificate(&self, authority: &AuthorityKeyId) -> String {
        format!("{}{}", self.0, authority.certificate_path())
    }

    /// Returns the CRL distribution point of what `authority` signs (RFC 5280 §4.2.1.13).
    pub(super) fn distribution_point(&self, authority: &AuthorityKeyId) -> CrlDistributionPoint {
        CrlDistributionPoint { uris: vec![self.crl(authority)] }
    }

    /// Returns the authority information access of what `authority` signs (RFC 5280 §4.2.2.1).
    pub(super) fn information_access(&self, authority: &AuthorityKeyId) -> CustomExtension {
        let method = tlv(OBJECT_IDENTIFIER, ID_AD_CA_ISSUERS);
        let location = tlv(URI, self.certificate(authority).as_bytes());
        let description = tlv(SEQUENCE, &[method, location].concat());
        CustomExtension::from_oid_content(ID_PE_AUTHORITY_INFO_ACCESS, tlv(SEQUENCE, &description))
    }
}

impl fmt::Display for PublicationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PublicationUrl {
    type Err = InvalidPublicationUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |expected| InvalidPublicationUrl { text: text.into(), expected };
        let rest = text.strip_prefix("http://").ok_or_else(|| {
            refused("begin with http://, since a list behind TLS cannot be checked")
        })?;
        if text.len() > MAX_URL_LEN {
            return Err(refused("have at most 200 characters"));
        }
        if !rest.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-:/_~[]".contains(&octet))
        {
            return Err(refused("have a host, a port and a path, and nothing else"));
        }
        if rest.split(['/', ':']).next().is_none_or(str::is_empty) {
            return Err(refused("name a host that clients can reach"));
        }
        Ok(Self(text.trim_end_matches('/').into()))
    }
}

/// A text that is no URL for revocation lists.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{}` cannot be published in certificates: the URL must {expected}", .text.escape_debug())]
pub struct InvalidPublicationUrl {
    text: Box<str>,
    expected: &'static str,
}

/// `1.3.6.1.5.5.7.1.1`
const ID_PE_AUTHORITY_INFO_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
/// `1.3.6.1.5.5.7.48.2`, in DER.
const ID_AD_CA_ISSUERS: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];
/// With the path behind it, a URL still fits into 255 octets, beyond which readers differ.
const MAX_URL_LEN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_and_the_listeners_path_belong_together() {
        let url: PublicationUrl = "http://pki.contoso.com:7480/".parse().unwrap();
        let id = AuthorityKeyId::new(&[0xab, 0x01]);
        assert_eq!(url.crl(&id), "http://pki.contoso.com:7480/crl/ab01.crl");
        assert_eq!(url.certificate(&id), "http://pki.contoso.com:7480/ca/ab01.cer");
    }

    #[test]
    fn what_clients_could_not_fetch_is_refused() {
        for text in ["https://pki.contoso.com", "http://", "http:///x", "http://a b", "ldap://dc"] {
            text.parse::<PublicationUrl>().expect_err(text);
        }
        format!("http://{}", "a".repeat(200)).parse::<PublicationUrl>().unwrap_err();
    }
}
