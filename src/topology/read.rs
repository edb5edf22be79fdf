//! Reads a whole topology: the parts in turn, then how they go together.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fields::{Coordination, Profile, SipIdentity};
use super::pool::PoolDefaults;
use super::{
    CustomRole, Explain, Issuer, Pool, Problems, Settings, Topology, TrustAnchor, check, custom,
    grant, issuer, pool, simple_urls,
};
use crate::document::Problem;
use crate::document::{Document, Section};
use crate::key::{DigestAlgorithm, KeyAlgorithm};
use crate::name::Fqdn;
use crate::role::is_path_name;

pub(super) fn read(text: &str) -> Result<Topology, Problems> {
    let document = Document::read(text)?;
    let mut explain = Explain::default();
    let topology = read_parts(&document, text, &mut explain);
    let topology = match topology {
        Some(mut topology) => {
            check::check(&topology, &document);
            explain_needs(&topology, &mut explain);
            topology.inferred = explain.0;
            Some(topology)
        }
        None => None,
    };
    match (document.into_problems(), topology) {
        (None, Some(topology)) => Ok(topology),
        (Some(problems), _) => Err(problems),
        (None, None) => {
            let what = "the topology cannot be read";
            Err(Problems::new(vec![Problem::new(1, "", what, "compare it with an example")]))
        }
    }
}

fn read_parts(document: &Document<'_>, text: &str, explain: &mut Explain) -> Option<Topology> {
    let root = document.root();
    let sip_domains = read_sip_domains(&root);
    let settings = read_settings(&root, explain);
    let simple_urls = simple_urls::read(&root, &sip_domains, explain);
    let roles = read_roles(&root, explain);
    let pools = read_pools(&root, settings, explain);
    let issuers = read_issuers(&root, &pools, explain);
    let trust_anchors = read_trust_anchors(&root);
    let groups = grant::read_groups(&root);
    let grants = grant::read_grants(&root);
    root.finish();
    Some(Topology {
        digest: sha256(text),
        settings,
        simple_urls: simple_urls?,
        sip_domains,
        issuers,
        trust_anchors,
        roles,
        pools,
        groups,
        grants,
        inferred: Vec::new(),
    })
}

fn sha256(text: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 octets")
}

fn read_sip_domains(root: &Section<'_, '_>) -> Vec<Fqdn> {
    let mut domains: Vec<Fqdn> = Vec::new();
    for domain in root.parse_list::<Fqdn>("sip_domains").unwrap_or_default() {
        if domains.contains(&domain) {
            root.problem("sip_domains", format!("{domain} is listed twice"), "list it once");
        } else if domain.as_str().len() > MAX_SIP_DOMAIN_LEN {
            let what = format!("{domain} leaves no room for the names below it");
            root.problem("sip_domains", what, format!("at most {MAX_SIP_DOMAIN_LEN} octets"));
        } else {
            domains.push(domain);
        }
    }
    if domains.is_empty() {
        let remedy = "write sip_domains = [\"contoso.com\"]; the first is the primary";
        let what = "at least one SIP domain is needed";
        if root.has("sip_domains") {
            root.problem("sip_domains", what, remedy);
        } else {
            root.problem_here(what, remedy);
        }
    }
    domains
}

/// The longest label Rolecall puts in front of a SIP domain is `lyncdiscoverinternal`, and a name
/// has 253 octets (RFC 1035 §2.3.4).
const MAX_SIP_DOMAIN_LEN: usize = 253 - "lyncdiscoverinternal.".len();

fn read_settings(root: &Section<'_, '_>, explain: &mut Explain) -> Settings {
    let mut infer = Infer { root, explain };
    let profile = root.parse("profile");
    let profile = infer.or(profile, "profile", Profile::Today, "today's practice");
    let max_token_lifetime = pool::token_lifetime(root);
    Settings {
        profile,
        autodiscover: infer.autodiscover(profile),
        sip_identity: infer.or(
            root.parse("sip_identity"),
            "sip_identity",
            SipIdentity::Server,
            "clients look for the server's or the pool's name, as Lync clients do",
        ),
        strict_dns: infer.or(
            root.flag("strict_dns"),
            "strict_dns",
            false,
            "group policy does not enforce strict DNS names unless the topology says so",
        ),
        wildcard_simple_urls: infer.or(
            root.flag("wildcard_simple_urls"),
            "wildcard_simple_urls",
            false,
            "every simple URL is named in full",
        ),
        key_algorithm: infer.or(
            root.parse("key_algorithm"),
            "key_algorithm",
            KeyAlgorithm::default(),
            "the wizard's default",
        ),
        digest: infer.or(
            root.parse("digest"),
            "digest",
            DigestAlgorithm::default(),
            "every client understands it",
        ),
        renew_before: root.duration("renew_before"),
        max_token_lifetime: infer.duration(
            max_token_lifetime,
            "max_token_lifetime",
            DEFAULT_TOKEN_LIFETIME,
            "the default of A/V Edge configurations",
        ),
        max_unavailable: infer.or(
            root.count("max_unavailable"),
            "max_unavailable",
            1,
            "one server at a time keeps a pool's quorum",
        ),
        coordination: infer.or(
            root.parse("coordination"),
            "coordination",
            Coordination::Primary,
            "a named primary needs nothing else to run",
        ),
    }
}

/// `domain.md` §5.1: 8 hours.
const DEFAULT_TOKEN_LIFETIME: Duration = Duration::from_secs(8 * 3_600);

/// Fills in what is not written, and notes it.
struct Infer<'s, 'd, 'i> {
    root: &'s Section<'d, 'i>,
    explain: &'s mut Explain,
}

impl Infer<'_, '_, '_> {
    /// Rulings, "lyncdiscover".
    fn autodiscover(&mut self, profile: Profile) -> bool {
        let (on, why) = match profile {
            Profile::Today => (true, "mobile clients find their pool through lyncdiscover names"),
            Profile::Lync2013 => (false, "profile = \"lync2013\" has it off unless set"),
        };
        self.or(self.root.flag("autodiscover"), "autodiscover", on, why)
    }

    fn or<T: std::fmt::Display>(
        &mut self,
        written: Option<T>,
        key: &'static str,
        default: T,
        why: &str,
    ) -> T {
        written.unwrap_or_else(|| {
            if !self.root.has(key) {
                self.explain.note(key, &default, why);
            }
            default
        })
    }

    fn duration(
        &mut self,
        written: Option<Duration>,
        key: &'static str,
        default: Duration,
        why: &str,
    ) -> Duration {
        written.unwrap_or_else(|| {
            if !self.root.has(key) {
                self.explain.note(key, humantime::format_duration(default), why);
            }
            default
        })
    }
}

fn read_roles(root: &Section<'_, '_>, explain: &mut Explain) -> Vec<CustomRole> {
    let mut roles: Vec<CustomRole> = Vec::new();
    for (name, section) in root.sections("roles") {
        let path = section.here().to_owned();
        let Some(role) = custom::read(name, section, explain) else { continue };
        if roles.iter().any(|known| known.name() == role.name()) {
            let what = "another role has this name but for upper and lower case";
            root.document().problem(&path, what, "give it another name");
        } else {
            roles.push(role);
        }
    }
    roles
}

fn read_pools(root: &Section<'_, '_>, settings: Settings, explain: &mut Explain) -> Vec<Pool> {
    let defaults = PoolDefaults {
        max_token_lifetime: settings.max_token_lifetime,
        max_unavailable: settings.max_unavailable,
        renew_before: settings.renew_before,
    };
    let sections = root.sections("pools");
    if sections.is_empty() {
        let remedy = "write [pools.\"se01.contoso.com\"] and kind = \"StandardEdition\"";
        root.problem_here("at least one pool is needed", remedy);
    }
    let mut pools: Vec<_> = sections
        .into_iter()
        .filter_map(|(name, section)| pool::read(name, section, defaults, explain))
        .collect();
    pool::infer_auto_logon(&mut pools, settings.strict_dns, explain);
    pools
}

fn read_issuers(root: &Section<'_, '_>, pools: &[Pool], explain: &mut Explain) -> Vec<Issuer> {
    let external: BTreeSet<_> =
        pools.iter().filter_map(|pool| pool.external_issuer()).map(|name| name.as_str()).collect();
    let issuers: Vec<_> = root
        .sections("issuers")
        .into_iter()
        .filter_map(|(name, section)| issuer::read(name, section, external.contains(name), explain))
        .collect();
    if issuers.is_empty() {
        return vec![Issuer::default_embedded(explain)];
    }
    issuers
}

fn read_trust_anchors(root: &Section<'_, '_>) -> Vec<TrustAnchor> {
    root.sections("trust_anchors")
        .into_iter()
        .filter_map(|(name, section)| {
            if !is_path_name(name) {
                let what = format!("`{name}` cannot name a trust anchor");
                section.problem_here(what, "letters, digits, dots and hyphens");
            }
            let pem = section.text("pem");
            let remedy = "write pem = \"\"\"-----BEGIN CERTIFICATE----- …\"\"\"";
            if pem.is_none() && !section.has("pem") {
                section.problem_here("the key `pem` is missing", remedy);
            }
            if pem.is_some_and(|pem| !pem.contains("-----BEGIN CERTIFICATE-----")) {
                section.problem("pem", "no certificate in PEM stands here", remedy);
            }
            section.finish();
            Some(TrustAnchor { name: name.to_owned(), pem: pem?.to_owned() })
        })
        .collect()
}

/// Notes which roles each pool needs and how they share certificates.
fn explain_needs(topology: &Topology, explain: &mut Explain) {
    for pool in topology.pools() {
        let Some(server) = pool.servers().first() else { continue };
        for need in topology.roles_needed(server.name()) {
            let path = format!("pools.\"{}\".roles", pool.name());
            let sharing = if need.shared { "the same on every member" } else { "each its own" };
            let template = need
                .template
                .as_ref()
                .map_or_else(String::new, |template| format!(", template {template}"));
            let value = format!(
                "{}: certificate {}, scope {}, {sharing}, issuer {}{template}",
                need.role,
                need.group.saturating_add(1),
                need.scope(),
                need.issuer,
            );
            explain.note(&path, value, &need.why);
        }
    }
}
