//! Reads one `[pools."FQDN"]`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Hosts, Pool, Server, ServerAddress};
use crate::document::Section;
use crate::name::{DnsName, Fqdn};
use crate::request::is_unprintable;
use crate::role::{BuiltInRole, PoolKind, Role, is_path_name};
use crate::topology::Explain;

/// What the whole topology says where a pool says nothing.
#[derive(Clone, Copy, Debug)]
pub(in crate::topology) struct PoolDefaults {
    pub(in crate::topology) max_token_lifetime: Duration,
    pub(in crate::topology) max_unavailable: u32,
    pub(in crate::topology) renew_before: Option<Duration>,
}

/// Reads one pool.
pub(in crate::topology) fn read(
    name: &str,
    section: Section<'_, '_>,
    defaults: PoolDefaults,
    explain: &mut Explain,
) -> Option<Pool> {
    let pool_name: Option<Fqdn> = section.parsed(name, section.here());
    let kind = read_kind(&section);
    let written = read_servers(&section, pool_name.as_ref(), kind, explain);
    let mut hosts = read_hosts(&section);
    let xmpp_domains = unique_list::<Fqdn>(&section, "xmpp_domains");
    let services = read_services(&section);
    let shared = unique_list::<Role>(&section, "shared").into_iter().collect();
    let roles = unique_list(&section, "roles");
    let omitted_roles: BTreeSet<Role> = unique_list(&section, "omit_roles").into_iter().collect();
    let (issuer, external_issuer) = (section.parse("issuer"), section.parse("external_issuer"));
    let auto_logon = section.flag("auto_logon");
    let max_token_lifetime = token_lifetime(&section).unwrap_or(defaults.max_token_lifetime);
    let max_unavailable = section.count("max_unavailable").unwrap_or(defaults.max_unavailable);
    let renew_before = section.duration("renew_before").or(defaults.renew_before);
    let allowed_names = unique_list::<DnsName>(&section, "allowed_names");
    let site = read_site(&section);
    let addresses = read_addresses(&section, pool_name.as_ref());
    let (name, kind) = (pool_name?, kind?);
    check_keys_of_kind(&section, kind);
    let servers = with_addresses(written, addresses, &section, kind, explain);
    match kind {
        PoolKind::StandardEdition => infer_own_web(&mut hosts, &name, &section, explain),
        PoolKind::FrontEnd | PoolKind::Director => {
            let why = "the pool's name, as Topology Builder proposes";
            infer_web(&mut hosts, &name, why, &section, explain);
        }
        PoolKind::Edge => require_edge_hosts(&hosts, &omitted_roles, &section),
        PoolKind::Mediation | PoolKind::SurvivableBranch | PoolKind::Custom => {}
    }
    section.finish();
    Some(Pool {
        name,
        kind,
        servers,
        site,
        hosts,
        xmpp_domains,
        services,
        issuer,
        external_issuer,
        shared,
        roles,
        omitted_roles,
        allowed_names,
        auto_logon,
        max_token_lifetime,
        max_unavailable,
        renew_before,
    })
}

fn read_kind(section: &Section<'_, '_>) -> Option<PoolKind> {
    let kind = section.parse("kind");
    if kind.is_none() && !section.has("kind") {
        let kinds = PoolKind::ALL.map(PoolKind::as_str).join(", ");
        section.problem_here("the key `kind` is missing", format!("one of {kinds}"));
    }
    kind
}

/// Returns the servers, each once, with the pool's domain where only a host is written.
fn read_servers(
    section: &Section<'_, '_>,
    pool: Option<&Fqdn>,
    kind: Option<PoolKind>,
    explain: &mut Explain,
) -> Vec<Fqdn> {
    let Some(texts) = section.texts("servers") else {
        return omitted_servers(section, pool, kind, explain);
    };
    let mut servers = Vec::new();
    for text in &texts {
        let full = full_name(text, pool);
        let Some(server) = section.parsed::<Fqdn>(&full, &section.path("servers")) else {
            continue;
        };
        if servers.contains(&server) {
            section.problem("servers", format!("{server} is listed twice"), "list it once");
        } else {
            servers.push(server);
        }
    }
    if texts.is_empty() {
        section.problem("servers", "a pool has at least one server", "name its servers");
    }
    servers
}

fn full_name(text: &str, pool: Option<&Fqdn>) -> String {
    match pool {
        Some(pool) if !text.contains('.') => format!("{text}.{}", pool.domain()),
        Some(_) | None => text.to_owned(),
    }
}

fn omitted_servers(
    section: &Section<'_, '_>,
    pool: Option<&Fqdn>,
    kind: Option<PoolKind>,
    explain: &mut Explain,
) -> Vec<Fqdn> {
    let (Some(kind), Some(pool), false) = (kind, pool, section.has("servers")) else {
        return Vec::new();
    };
    if is_single(kind) {
        let why = format!("a {kind} pool is one server that has the pool's name");
        explain.note(&section.path("servers"), pool, &why);
        return vec![pool.clone()];
    }
    let remedy = format!("write servers = [\"…\"]; short names take {}", pool.domain());
    section.problem_here("the key `servers` is missing", remedy);
    Vec::new()
}

/// Returns whether pools of this kind are one server that has the pool's name.
pub(in crate::topology) const fn is_single(kind: PoolKind) -> bool {
    matches!(kind, PoolKind::StandardEdition | PoolKind::SurvivableBranch)
}

fn read_hosts(section: &Section<'_, '_>) -> Hosts {
    Hosts {
        web_internal: section.parse("web_internal"),
        web_external: section.parse("web_external"),
        access: section.parse("access"),
        web_conferencing: section.parse("web_conferencing"),
        av: section.parse("av"),
    }
}

fn read_services(section: &Section<'_, '_>) -> Vec<String> {
    let mut services = Vec::new();
    for name in section.texts("services").unwrap_or_default() {
        if !is_path_name(name) {
            let what = format!("`{name}` cannot name a service");
            let remedy = "a preset, or a service declared on the server: letters, digits, dots and \
                          hyphens";
            section.problem("services", what, remedy);
        } else if services.iter().any(|known| known == name) {
            section.problem("services", format!("{name} is listed twice"), "list it once");
        } else {
            services.push(name.to_owned());
        }
    }
    services
}

fn read_site(section: &Section<'_, '_>) -> Option<String> {
    let site = section.text("site")?;
    let shown = !site.trim().is_empty() && !site.chars().any(is_unprintable);
    if !shown || site.chars().count() > MAX_SITE_CHARS {
        let what = format!("`{site}` cannot name a site");
        section.problem("site", what, format!("at most {MAX_SITE_CHARS} visible characters"));
        return None;
    }
    Some(site.to_owned())
}

/// As long as a label of a name: sites stand in tables beside servers.
const MAX_SITE_CHARS: usize = 63;

fn unique_list<T: std::str::FromStr<Err: std::fmt::Display> + PartialEq + std::fmt::Display>(
    section: &Section<'_, '_>,
    key: &'static str,
) -> Vec<T> {
    let mut values = Vec::new();
    for value in section.parse_list::<T>(key).unwrap_or_default() {
        if values.contains(&value) {
            section.problem(key, format!("{value} is listed twice"), "list it once");
        } else {
            values.push(value);
        }
    }
    values
}

fn read_addresses(
    section: &Section<'_, '_>,
    pool: Option<&Fqdn>,
) -> Vec<(Fqdn, ServerAddress, String)> {
    let Some(table) = section.section("addresses") else { return Vec::new() };
    table
        .entries()
        .into_iter()
        .filter_map(|(server, address)| {
            let path = table.path(server);
            let server = table.parsed(&full_name(server, pool), &path);
            let address = table.parsed(address, &path);
            Some((server?, address?, path))
        })
        .collect()
}

fn with_addresses(
    servers: Vec<Fqdn>,
    addresses: Vec<(Fqdn, ServerAddress, String)>,
    section: &Section<'_, '_>,
    kind: PoolKind,
    explain: &mut Explain,
) -> Vec<Server> {
    for (server, _, path) in &addresses {
        if !servers.contains(server) {
            let what = format!("{server} is not a server of this pool");
            section.document().problem(path, what, "list it in servers, or remove it here");
        }
    }
    let addressed = |name: Fqdn, explain: &mut Explain| {
        let address = addresses
            .iter()
            .find(|(server, _, _)| *server == name)
            .map(|(_, address, _)| address.clone());
        if address.is_none() {
            explain_address(&name, section, kind, explain);
        }
        Server { name, address }
    };
    servers.into_iter().map(|name| addressed(name, explain)).collect()
}

fn explain_address(name: &Fqdn, section: &Section<'_, '_>, kind: PoolKind, explain: &mut Explain) {
    let path = format!("{}.\"{name}\"", section.path("addresses"));
    if kind == PoolKind::Edge {
        let why = "an Edge server's internal address cannot be guessed: until it is written, its \
                   agent listens only on its local socket";
        explain.note(&path, "none", why);
    } else {
        let value = format!("{name}:{}", ServerAddress::DEFAULT_PORT);
        explain.note(&path, value, "the server's own name and the port agents listen on");
    }
}

pub(in crate::topology) fn token_lifetime(section: &Section<'_, '_>) -> Option<Duration> {
    let lifetime = section.duration("max_token_lifetime")?;
    let allowed = MIN_TOKEN_LIFETIME..=MAX_TOKEN_LIFETIME;
    if allowed.contains(&lifetime) {
        return Some(lifetime);
    }
    let what = "a token lives from one minute to 180 days";
    section.problem(
        "max_token_lifetime",
        what,
        "the default is \"8h\"; changing it is discouraged",
    );
    None
}

/// `domain.md` §4.5, `Set-CsAVEdgeConfiguration`.
const MIN_TOKEN_LIFETIME: Duration = Duration::from_secs(60);
/// `domain.md` §4.5, `Set-CsAVEdgeConfiguration`.
const MAX_TOKEN_LIFETIME: Duration = Duration::from_secs(180 * 86_400);

/// Keys that have a meaning for some kinds only. A `Custom` pool may have any of them.
const KEYS_OF_KINDS: &[(&str, &[PoolKind])] = &[
    ("web_internal", WEB),
    ("web_external", WEB),
    ("auto_logon", WEB),
    ("access", &[PoolKind::Edge]),
    ("web_conferencing", &[PoolKind::Edge]),
    ("av", &[PoolKind::Edge]),
    ("xmpp_domains", &[PoolKind::Edge]),
    ("max_token_lifetime", &[PoolKind::Edge]),
];
const WEB: &[PoolKind] = &[PoolKind::StandardEdition, PoolKind::FrontEnd, PoolKind::Director];

fn check_keys_of_kind(section: &Section<'_, '_>, kind: PoolKind) {
    for &(key, kinds) in KEYS_OF_KINDS {
        if kind != PoolKind::Custom && !kinds.contains(&kind) && section.has(key) {
            let meant = kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
            let what = format!("it has no meaning for a pool of kind {kind}");
            section.problem(key, what, format!("remove it; it is for {meant}"));
        }
    }
}

fn infer_own_web(
    hosts: &mut Hosts,
    server: &Fqdn,
    section: &Section<'_, '_>,
    explain: &mut Explain,
) {
    if hosts.web_internal.as_ref().is_some_and(|written| written != server) {
        let what = "a Standard Edition server's internal web name is its own";
        section.problem("web_internal", what, format!("remove it, or write {server}"));
    }
    infer_web(hosts, server, "the server's own name", section, explain);
}

fn infer_web(
    hosts: &mut Hosts,
    host: &Fqdn,
    why: &str,
    section: &Section<'_, '_>,
    explain: &mut Explain,
) {
    for (key, slot) in
        [("web_internal", &mut hosts.web_internal), ("web_external", &mut hosts.web_external)]
    {
        if slot.is_none() {
            explain.note(&section.path(key), host, why);
            *slot = Some(host.clone());
        }
    }
}

fn require_edge_hosts(hosts: &Hosts, omitted: &BTreeSet<Role>, section: &Section<'_, '_>) {
    let (access, data, av) = (&hosts.access, &hosts.web_conferencing, &hosts.av);
    for (key, host, role, service, example) in [
        ("access", access, BuiltInRole::AccessEdgeExternal, "Access Edge", "sip"),
        (
            "web_conferencing",
            data,
            BuiltInRole::DataEdgeExternal,
            "Web Conferencing Edge",
            "webcon",
        ),
        ("av", av, BuiltInRole::AudioVideoAuthentication, "A/V Edge", "av"),
    ] {
        if host.is_none() && !section.has(key) && !omitted.contains(&Role::from(role)) {
            let what = format!("the key `{key}` is missing");
            let remedy = format!(
                "write the external name of the {service} service, such as {key} = \
                 \"{example}.contoso.com\"; services on one address may share a name"
            );
            section.problem_here(what, remedy);
        }
    }
}

/// Decides where clients sign in by themselves when no pool says so.
pub(in crate::topology) fn infer_auto_logon(
    pools: &mut [Pool],
    strict_dns: bool,
    explain: &mut Explain,
) {
    if pools.iter().any(|pool| pool.auto_logon.is_some()) {
        return;
    }
    let homes = pools
        .iter()
        .filter(|pool| matches!(pool.kind, PoolKind::StandardEdition | PoolKind::FrontEnd));
    let alone = homes.count() == 1 && pools.iter().all(|pool| pool.kind != PoolKind::Director);
    let auto_logon = strict_dns && alone;
    let why = if auto_logon {
        "strict_dns = true, and it is the only pool clients can sign in to"
    } else {
        "no pool is said to be where clients that configure themselves sign in"
    };
    for pool in pools.iter_mut().filter(|pool| WEB.contains(&pool.kind)) {
        pool.auto_logon = Some(auto_logon && pool.kind != PoolKind::Director);
        explain.note(&format!("pools.\"{}\".auto_logon", pool.name), auto_logon, why);
    }
}
