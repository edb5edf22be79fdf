//! Reads one `[issuers.NAME]`.

use std::time::Duration;

use super::{AcmeChallenge, AdcsAuthentication, Issuer, IssuerKind};
use crate::document::Section;
use crate::key::KeyAlgorithm;
use crate::name::Fqdn;
use crate::request::{IssuerName, TemplateName};
use crate::role::is_path_name;
use crate::suggest::{did_you_mean, nearest};
use crate::template::Template;
use crate::topology::Explain;
use crate::topology::fields::Url;

/// Reads one `[issuers.NAME]`; `external` says whether a pool uses it for its external roles.
pub(in crate::topology) fn read(
    name: &str,
    section: Section<'_, '_>,
    external: bool,
    explain: &mut Explain,
) -> Option<Issuer> {
    let name: Option<IssuerName> = section.parsed(name, section.here());
    let kind = read_kind(name.as_ref(), &section, explain);
    let public = section.flag("public");
    let client_auth = section.flag("client_auth");
    let template = section.parse("template");
    let lifetime = section.duration("lifetime");
    let templates = read_templates(&section);
    let (name, kind) = (name?, kind?);
    let template = template.or_else(|| infer_template(&kind, &section, explain));
    let public = public.unwrap_or_else(|| infer_public(&kind, external, &section, explain));
    let client_auth = client_auth.unwrap_or_else(|| infer_client_auth(public, &section, explain));
    let templates = offered(&kind, templates, &section);
    section.finish();
    Some(Issuer { name, kind, public, client_auth, template, lifetime, templates })
}

fn read_kind(
    name: Option<&IssuerName>,
    section: &Section<'_, '_>,
    explain: &mut Explain,
) -> Option<IssuerKind> {
    let remedy = format!("one of {}", IssuerKind::WORDS.join(", "));
    let Some(word) = section.text("kind") else {
        if !section.has("kind") {
            section.problem_here("the key `kind` is missing", remedy);
        }
        return None;
    };
    match word {
        "embedded" => Some(IssuerKind::Embedded {
            crl_url: section.parse::<Url>("crl_url").map(Url::into_string),
        }),
        "adcs" => read_adcs(section, explain),
        "acme" => read_acme(section, explain),
        "helper" => read_helper(name, section, explain),
        "file" => Some(IssuerKind::File),
        unknown => {
            let suggestion = did_you_mean(&nearest(unknown, IssuerKind::WORDS));
            section.problem(
                "kind",
                format!("`{unknown}` is no kind of issuer{suggestion}"),
                remedy,
            );
            None
        }
    }
}

fn read_adcs(section: &Section<'_, '_>, explain: &mut Explain) -> Option<IssuerKind> {
    let example = "write it such as ca = 'ca01.contoso.net\\Contoso-CA'";
    let ces_url = section.parse::<Url>("ces_url");
    let authentication = section.parse("authentication");
    let Some(ca) = section.text("ca") else {
        if !section.has("ca") {
            section.problem_here("the key `ca` is missing", example);
        }
        return None;
    };
    let Some((host, instance)) = ca.split_once('\\').filter(|(_, name)| !name.trim().is_empty())
    else {
        section.problem("ca", format!("`{ca}` is not a host and a CA name"), example);
        return None;
    };
    let host: Fqdn = section.parsed(host, &section.path("ca"))?;
    let authentication = authentication.unwrap_or_else(|| {
        let why =
            "what a computer of the domain has; \"password\" and \"certificate\" are the others";
        explain.note(&section.path("authentication"), "kerberos", why);
        AdcsAuthentication::Kerberos
    });
    let ces_url = ces_url.filter(|url| check_https(section, "ces_url", url));
    let ces_url = match ces_url {
        Some(url) => url,
        None => {
            let url = ces_url_of(&host, instance, authentication);
            explain.note(&section.path("ces_url"), &url, "where AD CS installs the service");
            section.parsed(&url, &section.path("ca"))?
        }
    };
    let (instance, ces_url) = (instance.into(), ces_url.into_string());
    Some(IssuerKind::Adcs { host, instance, ces_url, authentication })
}

/// Returns the address that the enrollment web service has when AD CS installs it.
fn ces_url_of(host: &Fqdn, instance: &str, authentication: AdcsAuthentication) -> String {
    let suffix = match authentication {
        AdcsAuthentication::Kerberos => "Kerberos",
        AdcsAuthentication::Certificate => "Certificate",
        AdcsAuthentication::Password => "UsernamePassword",
    };
    format!("https://{host}/{}_CES_{suffix}/service.svc/CES", instance.replace(' ', "%20"))
}

fn read_acme(section: &Section<'_, '_>, explain: &mut Explain) -> Option<IssuerKind> {
    let contact = section.text("contact").map(str::to_owned);
    let profile = section.text("profile").map(str::to_owned);
    let dns_hook = declared_name(section, "dns_hook");
    let challenge = section.parse("challenge").unwrap_or_else(|| {
        let challenge =
            if dns_hook.is_some() { AcmeChallenge::Dns01 } else { AcmeChallenge::Http01 };
        let why = "dns-01 where a dns_hook is named, http-01 otherwise";
        explain.note(&section.path("challenge"), challenge.as_str(), why);
        challenge
    });
    if challenge == AcmeChallenge::Dns01 && dns_hook.is_none() && !section.has("dns_hook") {
        let remedy = "write dns_hook = \"NAME\", a hook declared on the server";
        section.problem("challenge", "dns-01 needs a hook that writes DNS records", remedy);
    }
    let directory = section.parse::<Url>("directory");
    if directory.is_none() && !section.has("directory") {
        let remedy = "write the https address of the ACME directory";
        section.problem_here("the key `directory` is missing", remedy);
    }
    let directory = directory.filter(|url| check_https(section, "directory", url))?.into_string();
    Some(IssuerKind::Acme { directory, contact, profile, challenge, dns_hook })
}

fn read_helper(
    name: Option<&IssuerName>,
    section: &Section<'_, '_>,
    explain: &mut Explain,
) -> Option<IssuerKind> {
    let profile = section.text("profile").map(str::to_owned);
    let helper = match declared_name(section, "helper") {
        Some(helper) => helper,
        None => {
            let name = name?.to_string();
            if !section.has("helper") {
                let why = "a helper is declared on the server under the issuer's name by default";
                explain.note(&section.path("helper"), &name, why);
            }
            name
        }
    };
    Some(IssuerKind::Helper { helper, profile })
}

/// Returns the name of something that is declared on the server.
fn declared_name(section: &Section<'_, '_>, key: &'static str) -> Option<String> {
    let name = section.text(key)?;
    if is_path_name(name) {
        return Some(name.to_owned());
    }
    let what = format!("`{name}` is not the name of something declared on the server");
    section.problem(key, what, "a topology names programs, it never contains them");
    None
}

fn check_https(section: &Section<'_, '_>, key: &'static str, url: &Url) -> bool {
    let https = url.is_https();
    if !https {
        section.problem(key, "credentials travel here, so it must be https", "write https://…");
    }
    https
}

fn infer_public(
    kind: &IssuerKind,
    external: bool,
    section: &Section<'_, '_>,
    explain: &mut Explain,
) -> bool {
    let (public, why) = match kind {
        IssuerKind::Acme { .. } => (
            true,
            "ACME directories are public CAs as a rule; write public = false for a private one",
        ),
        IssuerKind::File if external => {
            (true, "a pool names it as its external_issuer, and an administrator carries the files")
        }
        IssuerKind::File => (false, "no pool names it as its external_issuer"),
        IssuerKind::Embedded { .. } | IssuerKind::Adcs { .. } | IssuerKind::Helper { .. } => {
            (false, "its kind is a private CA")
        }
    };
    explain.note(&section.path("public"), public, why);
    public
}

/// `domain.md` §4.1: `-Template` is `WebServer` unless it is given.
fn infer_template(
    kind: &IssuerKind,
    section: &Section<'_, '_>,
    explain: &mut Explain,
) -> Option<TemplateName> {
    if !matches!(kind, IssuerKind::Adcs { .. }) || section.has("template") {
        return None;
    }
    let template = Template::web_server();
    let why = "the stock template of AD CS; it gives no clientAuth";
    explain.note(&section.path("template"), &template, why);
    Some(template)
}

fn infer_client_auth(public: bool, section: &Section<'_, '_>, explain: &mut Explain) -> bool {
    let why = if public {
        "public CAs no longer give clientAuth"
    } else {
        "private CAs give clientAuth where the template says so"
    };
    explain.note(&section.path("client_auth"), !public, why);
    !public
}

fn offered(
    kind: &IssuerKind,
    configured: Vec<Template>,
    section: &Section<'_, '_>,
) -> Vec<Template> {
    match kind {
        IssuerKind::Embedded { .. } => {
            let mut templates = Template::built_in();
            templates.retain(|built_in| {
                !configured.iter().any(|template| template.name == built_in.name)
            });
            templates.extend(configured);
            templates
        }
        IssuerKind::Adcs { .. }
        | IssuerKind::Acme { .. }
        | IssuerKind::Helper { .. }
        | IssuerKind::File => {
            if !configured.is_empty() {
                let what = "only an embedded CA has its templates here";
                section.problem("templates", what, "the issuer itself says which it offers");
            }
            Vec::new()
        }
    }
}

fn read_templates(section: &Section<'_, '_>) -> Vec<Template> {
    section
        .sections("templates")
        .into_iter()
        .filter_map(|(name, table)| {
            let parsed: Option<TemplateName> = table.parsed(name, table.here());
            let display_name = table.text("display_name").unwrap_or(name).into();
            let client_auth = table.flag("client_auth").unwrap_or(false);
            let keys = table.parse_list("keys").unwrap_or_else(|| KeyAlgorithm::ALL.to_vec());
            let lifetime = table.duration("lifetime").unwrap_or(Template::DEFAULT_LIFETIME);
            let approval = table.flag("approval").unwrap_or(false);
            if lifetime < Duration::from_secs(300) {
                table.problem("lifetime", "nothing could be renewed in time", "at least \"5m\"");
            }
            if keys.is_empty() && table.has("keys") {
                table.problem("keys", "no key would be accepted", "leave it out to accept all");
            }
            table.finish();
            Some(Template { name: parsed?, display_name, client_auth, keys, lifetime, approval })
        })
        .collect()
}
