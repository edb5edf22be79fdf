//! Name constraints: what a CA of ours may name, written into it and read back from it.
//!
//! RFC 5280 §4.2.1.10. The issuing CA is *technically* unable to vouch for names outside the fleet:
//! verifiers refuse them. Reading the constraints back lets the CA refuse first, with the name at
//! fault.

use std::net::IpAddr;

use rcgen::{CidrSubnet, GeneralSubtree};
use rolecall::name::{DnsName, Fqdn};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::der::{CONTEXT_0, CONTEXT_1, DNS_NAME, IP_ADDRESS, SEQUENCE, tlv};

/// A range of addresses that a CA may name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct AddressRange {
    /// An address of the range.
    pub address: IpAddr,
    /// How many leading bits all addresses of the range share.
    pub prefix: u8,
}

/// What a new issuing CA may name; nothing else of these kinds, ever.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PermittedNames {
    /// SIP domains and server domains; each includes all names below it. At least one.
    pub domains: Vec<Fqdn>,
    /// Address ranges. Without one, no certificate may carry an address.
    pub addresses: Vec<AddressRange>,
}

impl PermittedNames {
    /// Returns the domains in order, without those that lie below another of them.
    fn minimal_domains(&self) -> Vec<&Fqdn> {
        let mut domains: Vec<&Fqdn> = self
            .domains
            .iter()
            .filter(|domain| {
                !self
                    .domains
                    .iter()
                    .any(|other| other != *domain && domain.as_dns_name().is_within(other))
            })
            .collect();
        domains.sort();
        domains.dedup();
        domains
    }

    /// Returns the extension for rcgen.
    ///
    /// Without a range every address is excluded: a list of domains alone says nothing about
    /// addresses, and would permit them all.
    pub(super) fn to_rcgen(&self) -> rcgen::NameConstraints {
        let domains = self
            .minimal_domains()
            .into_iter()
            .map(|domain| GeneralSubtree::DnsName(domain.to_string()));
        let addresses = self.permitted_subnets().into_iter().map(GeneralSubtree::IpAddress);
        let excluded = self.excluded_subnets().into_iter().map(GeneralSubtree::IpAddress);

        rcgen::NameConstraints {
            permitted_subtrees: domains.chain(addresses).collect(),
            excluded_subtrees: excluded.collect(),
        }
    }

    /// Returns the extension's value, for a request: rcgen writes it into certificates only.
    pub(super) fn to_der(&self) -> Vec<u8> {
        let domains = self
            .minimal_domains()
            .into_iter()
            .map(|domain| tlv(SEQUENCE, &tlv(DNS_NAME, domain.as_str().as_bytes())));
        let addresses = self.permitted_subnets().into_iter().map(subnet_der);
        let excluded = self.excluded_subnets().into_iter().map(subnet_der);

        let permitted = subtrees_der(CONTEXT_0, domains.chain(addresses));
        let excluded = subtrees_der(CONTEXT_1, excluded);
        tlv(SEQUENCE, &[permitted, excluded].concat())
    }

    fn permitted_subnets(&self) -> Vec<CidrSubnet> {
        self.addresses
            .iter()
            .map(|range| CidrSubnet::from_addr_prefix(range.address, range.prefix))
            .collect()
    }

    fn excluded_subnets(&self) -> Vec<CidrSubnet> {
        if self.addresses.is_empty() {
            vec![CidrSubnet::V4([0; 4], [0; 4]), CidrSubnet::V6([0; 16], [0; 16])]
        } else {
            Vec::new()
        }
    }
}

/// The name constraints of a CA certificate, as they are applied to what it signs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NameConstraints {
    permitted_domains: Vec<Box<str>>,
    excluded_domains: Vec<Box<str>>,
    permitted_addresses: Vec<Box<[u8]>>,
    excluded_addresses: Vec<Box<[u8]>>,
}

impl NameConstraints {
    /// Reads the constraints, if the certificate has any; without them everything is permitted.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        let Some(extension) = certificate.name_constraints().ok()? else {
            return Some(Self::default());
        };
        let mut constraints = Self::default();
        for subtree in extension.value.permitted_subtrees.iter().flatten() {
            sort_in(
                &subtree.base,
                &mut constraints.permitted_domains,
                &mut constraints.permitted_addresses,
            );
        }
        for subtree in extension.value.excluded_subtrees.iter().flatten() {
            sort_in(
                &subtree.base,
                &mut constraints.excluded_domains,
                &mut constraints.excluded_addresses,
            );
        }
        Some(constraints)
    }

    /// Returns whether a certificate below the CA may carry `name`.
    pub fn permits_name(&self, name: &DnsName) -> bool {
        let base = name.as_str().strip_prefix("*.").unwrap_or(name.as_str());
        let permitted = self.permitted_domains.is_empty()
            || self.permitted_domains.iter().any(|domain| is_within(base, domain));
        // A wildcard above an excluded name would cover it.
        let excluded = self.excluded_domains.iter().any(|domain| {
            is_within(base, domain) || (name.is_wildcard() && is_within(domain, base))
        });
        permitted && !excluded
    }

    /// Returns whether a certificate below the CA may carry `address`.
    pub fn permits_address(&self, address: IpAddr) -> bool {
        let octets = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let permitted = self.permitted_addresses.is_empty()
            || self.permitted_addresses.iter().any(|range| is_in_range(&octets, range));
        permitted && !self.excluded_addresses.iter().any(|range| is_in_range(&octets, range))
    }
}

fn subtrees_der(tag: u8, subtrees: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let content: Vec<u8> = subtrees.flatten().collect();
    if content.is_empty() { content } else { tlv(tag, &content) }
}

fn subnet_der(subnet: CidrSubnet) -> Vec<u8> {
    let range = match subnet {
        CidrSubnet::V4(address, mask) => [address.as_slice(), &mask].concat(),
        CidrSubnet::V6(address, mask) => [address.as_slice(), &mask].concat(),
    };
    tlv(SEQUENCE, &tlv(IP_ADDRESS, &range))
}

/// Sorts a subtree in. Kinds of names that this CA never issues cannot be violated by it.
fn sort_in(base: &GeneralName<'_>, domains: &mut Vec<Box<str>>, addresses: &mut Vec<Box<[u8]>>) {
    if let GeneralName::DNSName(domain) = base {
        domains.push(domain.trim_start_matches('.').to_ascii_lowercase().into());
    } else if let GeneralName::IPAddress(range) = base {
        addresses.push((*range).into());
    }
}

fn is_within(name: &str, domain: &str) -> bool {
    domain.is_empty()
        || name == domain
        || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

fn is_in_range(address: &[u8], range: &[u8]) -> bool {
    let Some((base, mask)) = range.split_at_checked(address.len()) else {
        return false;
    };
    base.len() == mask.len()
        && address
            .iter()
            .zip(base)
            .zip(mask)
            .all(|((octet, base), mask)| octet & mask == base & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraints(permitted: &[&str], excluded: &[&str]) -> NameConstraints {
        NameConstraints {
            permitted_domains: permitted.iter().map(|it| (*it).into()).collect(),
            excluded_domains: excluded.iter().map(|it| (*it).into()).collect(),
            ..NameConstraints::default()
        }
    }

    #[test]
    fn names_are_judged_as_verifiers_do() {
        let contoso = constraints(&["contoso.com"], &["secret.contoso.com"]);
        for (name, permitted) in [
            ("contoso.com", true),
            ("se01.contoso.com", true),
            ("*.meet.contoso.com", true),
            ("notcontoso.com", false),
            ("contoso.com.evil.example", false),
            ("secret.contoso.com", false),
            ("a.secret.contoso.com", false),
            ("*.contoso.com", false),
        ] {
            assert_eq!(contoso.permits_name(&name.parse().unwrap()), permitted, "{name}");
        }
        assert!(constraints(&[], &[]).permits_name(&"anything.example".parse().unwrap()));
    }

    #[test]
    fn addresses_are_judged_by_range_and_family() {
        let inside = NameConstraints {
            permitted_addresses: vec![Box::from([10, 0, 0, 0, 255, 0, 0, 0])],
            ..NameConstraints::default()
        };
        assert!(inside.permits_address("10.1.2.3".parse().unwrap()));
        assert!(!inside.permits_address("11.1.2.3".parse().unwrap()));
        assert!(!inside.permits_address("fd00::1".parse().unwrap()));
    }

    #[test]
    fn a_domain_below_another_adds_nothing() {
        let names = PermittedNames {
            domains: ["se.contoso.com", "contoso.com", "fabrikam.com", "contoso.com"]
                .map(|it| it.parse().unwrap())
                .into(),
            addresses: Vec::new(),
        };
        let minimal: Vec<_> = names.minimal_domains().into_iter().map(Fqdn::as_str).collect();
        assert_eq!(minimal, ["contoso.com", "fabrikam.com"]);
    }
}
