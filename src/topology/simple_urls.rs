//! The simple URLs: the host names of meet, dialin and admin.
//!
//! Only hosts matter here: a change of path needs no new certificate (`domain.md` §2.2, C9). A
//! value may be written as the whole address, as Topology Builder shows it; the host is taken from
//! it.

use std::collections::BTreeMap;

use super::Explain;
use crate::document::Section;
use crate::name::Fqdn;

/// The hosts of the simple URLs.
#[derive(Clone, Debug)]
pub struct SimpleUrls {
    meet: BTreeMap<Fqdn, Fqdn>,
    dialin: Fqdn,
    admin: Fqdn,
}

impl SimpleUrls {
    /// Returns the Meet host of a SIP domain.
    pub fn meet(&self, sip_domain: &Fqdn) -> Option<&Fqdn> {
        self.meet.get(sip_domain)
    }

    /// Returns the host of the dial-in page.
    pub const fn dialin(&self) -> &Fqdn {
        &self.dialin
    }

    /// Returns the host of the administrators' page, which is internal only.
    pub const fn admin(&self) -> &Fqdn {
        &self.admin
    }
}

/// Reads `[simple_urls]`; `root` is the document's outermost table.
pub(super) fn read(
    root: &Section<'_, '_>,
    sip_domains: &[Fqdn],
    explain: &mut Explain,
) -> Option<SimpleUrls> {
    let section = root.section("simple_urls");
    let primary = sip_domains.first();
    let written = section.as_ref().map(|section| read_meet(section, sip_domains));
    let dialin = section.as_ref().and_then(|section| read_host(section, "dialin"));
    let admin = section.as_ref().and_then(|section| read_host(section, "admin"));
    if let Some(section) = section {
        section.finish();
    }

    let mut meet = written.unwrap_or_default();
    for domain in sip_domains {
        if !meet.contains_key(domain) {
            let path = format!("simple_urls.meet.\"{domain}\"");
            meet.insert(domain.clone(), infer(root, &path, "meet", domain, explain)?);
        }
    }
    let mut one = |written: Option<Fqdn>, label: &str| {
        written.or_else(|| infer(root, &format!("simple_urls.{label}"), label, primary?, explain))
    };
    let (dialin, admin) = (one(dialin, "dialin"), one(admin, "admin"));
    Some(SimpleUrls { meet, dialin: dialin?, admin: admin? })
}

fn infer(
    root: &Section<'_, '_>,
    path: &str,
    label: &str,
    domain: &Fqdn,
    explain: &mut Explain,
) -> Option<Fqdn> {
    let host = root.parsed(&format!("{label}.{domain}"), "sip_domains")?;
    explain.note(path, &host, "the name that Topology Builder proposes for this SIP domain");
    Some(host)
}

fn read_meet(section: &Section<'_, '_>, sip_domains: &[Fqdn]) -> BTreeMap<Fqdn, Fqdn> {
    if !section.is_table("meet") {
        let Some(host) = read_host(section, "meet") else { return BTreeMap::new() };
        return sip_domains.iter().map(|domain| (domain.clone(), host.clone())).collect();
    }
    let Some(table) = section.section("meet") else { return BTreeMap::new() };
    let mut meet = BTreeMap::new();
    for (domain, url) in table.entries() {
        let path = table.path(domain);
        let Some(domain) = table.parsed::<Fqdn>(domain, &path) else { continue };
        let Some(host) = table.parsed(host_of(url), &path) else { continue };
        if sip_domains.contains(&domain) {
            meet.insert(domain, host);
        } else {
            let what = format!("`{domain}` is not one of the SIP domains");
            table.document().problem(&path, what, "add it to sip_domains, or remove it here");
        }
    }
    meet
}

fn read_host(section: &Section<'_, '_>, key: &'static str) -> Option<Fqdn> {
    let text = section.text(key)?;
    section.parsed(host_of(text), &section.path(key))
}

/// Returns the host of an address, or the text itself.
fn host_of(text: &str) -> &str {
    let rest = text.strip_prefix("https://").unwrap_or(text);
    rest.split_once('/').map_or(rest, |(host, _)| host)
}
