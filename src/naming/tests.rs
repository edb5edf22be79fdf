use proptest::prelude::*;

use super::*;
use crate::name::Fqdn;

/// A topology with every kind of pool; `HEAD` is put before it.
const POOLS: &str = r#"
[pools."se01.contoso.com"]
kind = "StandardEdition"
web_external = "seweb.contoso.com"
[pools."eepool.contoso.com"]
kind = "FrontEnd"
servers = ["ee01", "ee02"]
web_internal = "webint.contoso.com"
web_external = "web.contoso.com"
[pools."dirpool.contoso.com"]
kind = "Director"
servers = ["dir01"]
web_external = "webdir.contoso.com"
[pools."medpool.contoso.com"]
kind = "Mediation"
servers = ["med01"]
[pools."sba01.contoso.com"]
kind = "SurvivableBranch"
[pools."edge.contoso.net"]
kind = "Edge"
servers = ["edge01", "edge02"]
access = "sip.contoso.com"
web_conferencing = "webcon.contoso.com"
av = "av.contoso.com"
xmpp_domains = ["chat.contoso.com"]
"#;

const TWO: &str = "sip_domains = [\"contoso.com\", \"fabrikam.com\"]\n";
const ONE: &str = "sip_domains = [\"contoso.com\"]\n";
const LYNC_TWO: &str =
    "profile = \"lync2013\"\nsip_domains = [\"contoso.com\", \"fabrikam.com\"]\n";

struct Row {
    case: &'static str,
    head: String,
    pools: String,
    server: &'static str,
    roles: &'static [&'static str],
    public: bool,
    choice: SipDomainChoice,
    subject: &'static str,
    names: &'static [&'static str],
}

fn row(
    case: &'static str,
    server: &'static str,
    roles: &'static [&'static str],
    subject: &'static str,
    names: &'static [&'static str],
) -> Row {
    let choice = SipDomainChoice::Computed;
    let (head, pools) = (TWO.into(), POOLS.into());
    Row { case, head, pools, server, roles, public: false, choice, subject, names }
}

impl Row {
    fn head(self, head: &str) -> Self {
        Self { head: head.into(), ..self }
    }

    fn more(self, key: &str) -> Self {
        Self { head: format!("{key}\n{}", self.head), ..self }
    }

    fn pool(self, pool: &str, key: &str) -> Self {
        let header = format!("[pools.\"{pool}\"]\n");
        assert!(self.pools.contains(&header));
        Self { pools: self.pools.replace(&header, &format!("{header}{key}\n")), ..self }
    }

    fn public(self) -> Self {
        Self { public: true, ..self }
    }

    fn choice(self, choice: SipDomainChoice) -> Self {
        Self { choice, ..self }
    }

    #[track_caller]
    fn check(&self) {
        let topology = Topology::parse(&format!("{}{}", self.head, self.pools))
            .unwrap_or_else(|problems| panic!("{}: {problems}", self.case));
        let place = topology.place(&self.server.parse().unwrap()).unwrap();
        let roles: Vec<Role> = self.roles.iter().map(|role| role.parse().unwrap()).collect();
        let options = NamingOptions {
            public_issuer: self.public,
            sip_domains: &self.choice,
            added_names: &[],
        };
        let planned = names(&topology, place, &roles, options);
        let found: Vec<_> = planned.names.iter().map(|planned| planned.name.as_str()).collect();
        let subject = planned.subject_cn.as_ref().map_or("", DnsName::as_str);
        assert_eq!(subject, self.subject, "{}", self.case);
        assert_eq!(found, self.names, "{}", self.case);
        assert!(planned.names.iter().all(|planned| !planned.why.is_empty()), "{}", self.case);
    }
}

#[test]
fn the_worked_sets_of_the_documentation() {
    let rows = [
        row(
            "SE Default",
            "se01.contoso.com",
            &["Default"],
            "se01.contoso.com",
            &["se01.contoso.com"],
        ),
        row(
            "SE web internal",
            "se01.contoso.com",
            &["WebServicesInternal"],
            "se01.contoso.com",
            &[
                "se01.contoso.com",
                "meet.contoso.com",
                "meet.fabrikam.com",
                "dialin.contoso.com",
                "admin.contoso.com",
            ],
        )
        .head(LYNC_TWO),
        row(
            "EE Default",
            "ee01.contoso.com",
            &["Default"],
            "eepool.contoso.com",
            &["eepool.contoso.com", "ee01.contoso.com"],
        ),
        row(
            "Edge external",
            "edge01.contoso.net",
            &["AccessEdgeExternal", "DataEdgeExternal"],
            "sip.contoso.com",
            &["sip.contoso.com", "webcon.contoso.com", "sip.fabrikam.com"],
        ),
    ];
    rows.iter().for_each(Row::check);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of domain.md §2.1 and §2.2, a row each")]
fn the_web_roles() {
    let rows = [
        row(
            "SE web internal, with autodiscover",
            "se01.contoso.com",
            &["WebServicesInternal"],
            "se01.contoso.com",
            &[
                "se01.contoso.com",
                "meet.contoso.com",
                "meet.fabrikam.com",
                "dialin.contoso.com",
                "admin.contoso.com",
                "lyncdiscoverinternal.contoso.com",
                "lyncdiscoverinternal.fabrikam.com",
            ],
        ),
        row(
            "SE web external",
            "se01.contoso.com",
            &["WebServicesExternal"],
            "se01.contoso.com",
            &[
                "se01.contoso.com",
                "seweb.contoso.com",
                "dialin.contoso.com",
                "meet.contoso.com",
                "lyncdiscover.contoso.com",
            ],
        )
        .head(ONE),
        row(
            "EE web internal: subject the pool, as the table says",
            "ee01.contoso.com",
            &["WebServicesInternal"],
            "eepool.contoso.com",
            &[
                "eepool.contoso.com",
                "webint.contoso.com",
                "ee01.contoso.com",
                "meet.contoso.com",
                "dialin.contoso.com",
                "admin.contoso.com",
                "lyncdiscoverinternal.contoso.com",
            ],
        )
        .head(ONE),
        row(
            "EE web external: every Meet host, never admin",
            "ee01.contoso.com",
            &["WebServicesExternal"],
            "eepool.contoso.com",
            &[
                "eepool.contoso.com",
                "web.contoso.com",
                "dialin.contoso.com",
                "meet.contoso.com",
                "meet.fabrikam.com",
                "lyncdiscover.contoso.com",
                "lyncdiscover.fabrikam.com",
            ],
        ),
        row(
            "EE web external from a public issuer: nothing internal",
            "ee01.contoso.com",
            &["WebServicesExternal"],
            "web.contoso.com",
            &[
                "web.contoso.com",
                "dialin.contoso.com",
                "meet.contoso.com",
                "lyncdiscover.contoso.com",
            ],
        )
        .head(ONE)
        .public(),
        row(
            "EE web external, lync2013: no lyncdiscover unless set",
            "ee01.contoso.com",
            &["WebServicesExternal"],
            "eepool.contoso.com",
            &[
                "eepool.contoso.com",
                "web.contoso.com",
                "dialin.contoso.com",
                "meet.contoso.com",
                "meet.fabrikam.com",
            ],
        )
        .head(LYNC_TWO),
        row(
            "EE web external, lync2013 with autodiscover",
            "ee01.contoso.com",
            &["WebServicesExternal"],
            "eepool.contoso.com",
            &[
                "eepool.contoso.com",
                "web.contoso.com",
                "dialin.contoso.com",
                "meet.contoso.com",
                "meet.fabrikam.com",
                "lyncdiscover.contoso.com",
                "lyncdiscover.fabrikam.com",
            ],
        )
        .head(LYNC_TWO)
        .more("autodiscover = true"),
        row(
            "Director web internal: subject the server",
            "dir01.contoso.com",
            &["WebServicesInternal"],
            "dir01.contoso.com",
            &[
                "dir01.contoso.com",
                "dirpool.contoso.com",
                "meet.contoso.com",
                "dialin.contoso.com",
                "admin.contoso.com",
                "lyncdiscoverinternal.contoso.com",
            ],
        )
        .head(ONE),
        row(
            "Director web external",
            "dir01.contoso.com",
            &["WebServicesExternal"],
            "dir01.contoso.com",
            &[
                "dir01.contoso.com",
                "webdir.contoso.com",
                "dialin.contoso.com",
                "meet.contoso.com",
                "lyncdiscover.contoso.com",
            ],
        )
        .head(ONE),
        row(
            "wildcards stand for simple URLs and lyncdiscover names, nothing else",
            "ee01.contoso.com",
            &["WebServicesExternal"],
            "eepool.contoso.com",
            &["eepool.contoso.com", "web.contoso.com", "*.contoso.com", "*.fabrikam.com"],
        )
        .more("wildcard_simple_urls = true"),
        row(
            "simple URLs elsewhere",
            "se01.contoso.com",
            &["WebServicesInternal"],
            "se01.contoso.com",
            &["se01.contoso.com", "lync.contoso.com", "dial.contoso.com", "admin.contoso.com"],
        )
        .head(LYNC_TWO)
        .more("simple_urls = { meet = \"https://lync.contoso.com/meet\", dialin = \"dial.contoso.com\" }"),
    ];
    rows.iter().for_each(Row::check);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of domain.md §2.1 and §2.2, a row each")]
fn the_default_role() {
    let rows = [
        row(
            "C1: several SIP domains where clients sign in by themselves",
            "ee02.contoso.com",
            &["Default"],
            "eepool.contoso.com",
            &["eepool.contoso.com", "ee02.contoso.com", "sip.contoso.com", "sip.fabrikam.com"],
        )
        .pool("eepool.contoso.com", "auto_logon = true"),
        row(
            "one SIP domain, not strict: no sip name",
            "ee01.contoso.com",
            &["Default"],
            "eepool.contoso.com",
            &["eepool.contoso.com", "ee01.contoso.com"],
        )
        .head(ONE)
        .pool("eepool.contoso.com", "auto_logon = true"),
        row(
            "C2: one SIP domain, strict",
            "ee01.contoso.com",
            &["Default"],
            "eepool.contoso.com",
            &["eepool.contoso.com", "ee01.contoso.com", "sip.contoso.com"],
        )
        .head(ONE)
        .more("strict_dns = true")
        .pool("eepool.contoso.com", "auto_logon = true"),
        row(
            "strict, but clients sign in elsewhere",
            "se01.contoso.com",
            &["Default"],
            "se01.contoso.com",
            &["se01.contoso.com"],
        )
        .more("strict_dns = true")
        .pool("eepool.contoso.com", "auto_logon = true"),
        row(
            "C1 is not for Directors",
            "dir01.contoso.com",
            &["Default"],
            "dirpool.contoso.com",
            &["dirpool.contoso.com", "dir01.contoso.com"],
        )
        .pool("dirpool.contoso.com", "auto_logon = true"),
        row(
            "C2 is for Directors",
            "dir01.contoso.com",
            &["Default"],
            "dirpool.contoso.com",
            &["dirpool.contoso.com", "dir01.contoso.com", "sip.contoso.com", "sip.fabrikam.com"],
        )
        .more("strict_dns = true")
        .pool("dirpool.contoso.com", "auto_logon = true"),
        row(
            "-AllSipDomain",
            "se01.contoso.com",
            &["Default"],
            "se01.contoso.com",
            &["se01.contoso.com", "sip.contoso.com", "sip.fabrikam.com"],
        )
        .choice(SipDomainChoice::All),
        row(
            "the SIP domains of the request only",
            "ee01.contoso.com",
            &["Default"],
            "eepool.contoso.com",
            &["eepool.contoso.com", "ee01.contoso.com", "sip.fabrikam.com"],
        )
        .pool("eepool.contoso.com", "auto_logon = true")
        .choice(SipDomainChoice::These(vec!["fabrikam.com".parse().unwrap()])),
        row(
            "shared by the members",
            "ee01.contoso.com",
            &["Default"],
            "eepool.contoso.com",
            &["eepool.contoso.com", "ee01.contoso.com", "ee02.contoso.com"],
        )
        .pool("eepool.contoso.com", "shared = [\"Default\"]"),
        row(
            "Mediation",
            "med01.contoso.com",
            &["Default"],
            "medpool.contoso.com",
            &["medpool.contoso.com", "med01.contoso.com"],
        ),
        row(
            "a branch names every SIP domain, whatever the request",
            "sba01.contoso.com",
            &["Default"],
            "sba01.contoso.com",
            &["sba01.contoso.com", "sip.contoso.com", "sip.fabrikam.com"],
        )
        .choice(SipDomainChoice::These(Vec::new())),
        row(
            "RFC 5922",
            "se01.contoso.com",
            &["Default"],
            "se01.contoso.com",
            &["se01.contoso.com", "contoso.com", "fabrikam.com"],
        )
        .more("sip_identity = \"rfc5922\""),
        row(
            "combined: the subject of Default, the names of all",
            "ee01.contoso.com",
            &["WebServicesExternal", "WebServicesInternal", "Default"],
            "eepool.contoso.com",
            &[
                "eepool.contoso.com",
                "ee01.contoso.com",
                "webint.contoso.com",
                "meet.contoso.com",
                "dialin.contoso.com",
                "admin.contoso.com",
                "lyncdiscoverinternal.contoso.com",
                "web.contoso.com",
                "lyncdiscover.contoso.com",
            ],
        )
        .head(ONE),
        row(
            "the token issuer",
            "se01.contoso.com",
            &["OAuthTokenIssuer"],
            "contoso.com",
            &["contoso.com"],
        ),
    ];
    rows.iter().for_each(Row::check);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of domain.md §2.1 and §2.2, a row each")]
fn the_edge_roles() {
    let rows = [
        row(
            "inside: pool and member",
            "edge02.contoso.net",
            &["Internal"],
            "edge.contoso.net",
            &["edge.contoso.net", "edge02.contoso.net"],
        ),
        row(
            "inside, lync2013: no names",
            "edge02.contoso.net",
            &["Internal"],
            "edge.contoso.net",
            &[],
        )
        .head(LYNC_TWO),
        row(
            "media relay",
            "edge01.contoso.net",
            &["AudioVideoAuthentication"],
            "av.contoso.com",
            &["av.contoso.com"],
        ),
        row(
            "media relay, lync2013: no names",
            "edge01.contoso.net",
            &["AudioVideoAuthentication"],
            "av.contoso.com",
            &[],
        )
        .head(LYNC_TWO),
        row(
            "web conferencing alone",
            "edge01.contoso.net",
            &["DataEdgeExternal"],
            "webcon.contoso.com",
            &["webcon.contoso.com"],
        ),
        row(
            "with XMPP",
            "edge01.contoso.net",
            &["AccessEdgeExternal", "DataEdgeExternal", "XMPPServer"],
            "sip.contoso.com",
            &["sip.contoso.com", "webcon.contoso.com", "sip.fabrikam.com", "chat.contoso.com"],
        ),
        row(
            "XMPP alone has the external names too",
            "edge01.contoso.net",
            &["XMPPServer"],
            "sip.contoso.com",
            &["sip.contoso.com", "webcon.contoso.com", "sip.fabrikam.com", "chat.contoso.com"],
        ),
        row(
            "RFC 5922",
            "edge01.contoso.net",
            &["AccessEdgeExternal"],
            "sip.contoso.com",
            &[
                "sip.contoso.com",
                "webcon.contoso.com",
                "sip.fabrikam.com",
                "contoso.com",
                "fabrikam.com",
            ],
        )
        .more("sip_identity = \"rfc5922\""),
        row(
            "only the primary SIP domain is named",
            "edge01.contoso.net",
            &["AccessEdgeExternal"],
            "sip.contoso.com",
            &["sip.contoso.com", "webcon.contoso.com"],
        )
        .choice(SipDomainChoice::These(vec!["contoso.com".parse().unwrap()])),
        row(
            "wildcards are never for Edge roles",
            "edge01.contoso.net",
            &["AccessEdgeExternal", "DataEdgeExternal"],
            "sip.contoso.com",
            &["sip.contoso.com", "webcon.contoso.com", "sip.fabrikam.com"],
        )
        .more("wildcard_simple_urls = true"),
    ];
    rows.iter().for_each(Row::check);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, six examples")]
fn the_examples_name_what_they_are_about() {
    let example = |text: &str, server: &str| {
        let topology = Topology::parse(text).unwrap();
        let server = server.parse().unwrap();
        let place = topology.place(&server).unwrap();
        topology
            .groups(&server)
            .iter()
            .map(|group| {
                let issuer = topology
                    .roles_needed(&server)
                    .into_iter()
                    .find(|need| group.contains(&need.role))
                    .and_then(|need| topology.issuer(&need.issuer).cloned())
                    .unwrap();
                let options =
                    NamingOptions { public_issuer: issuer.is_public(), ..NamingOptions::default() };
                let planned = names(&topology, place, group, options);
                planned.dns_names().iter().map(DnsName::as_str).collect::<Vec<_>>().join(" ")
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        example(include_str!("../../deploy/examples/standard-edition.toml"), "se01.contoso.com"),
        [
            "se01.contoso.com meet.contoso.com dialin.contoso.com admin.contoso.com \
             lyncdiscoverinternal.contoso.com web.contoso.com lyncdiscover.contoso.com",
            "contoso.com",
        ]
    );
    assert_eq!(
        example(include_str!("../../deploy/examples/enterprise-pool.toml"), "fe01.contoso.net"),
        [
            "fe.contoso.net fe01.contoso.net sip.contoso.com sip.fabrikam.com webint.contoso.net \
             meet.contoso.com meet.fabrikam.com dialin.contoso.com admin.contoso.com \
             lyncdiscoverinternal.contoso.com lyncdiscoverinternal.fabrikam.com",
            "web.contoso.com dialin.contoso.com meet.contoso.com meet.fabrikam.com \
             lyncdiscover.contoso.com lyncdiscover.fabrikam.com",
            "contoso.com",
        ]
    );
    assert_eq!(
        example(include_str!("../../deploy/examples/director.toml"), "dir02.contoso.net"),
        [
            "dir.contoso.net dir02.contoso.net sip.contoso.com meet.contoso.com \
             dialin.contoso.com admin.contoso.com lyncdiscoverinternal.contoso.com \
             webdir.contoso.com lyncdiscover.contoso.com",
            "contoso.com",
        ]
    );
    assert_eq!(
        example(include_str!("../../deploy/examples/mediation.toml"), "med01.contoso.com"),
        ["med.contoso.com med01.contoso.com"]
    );
    assert_eq!(
        example(
            include_str!("../../deploy/examples/survivable-branch.toml"),
            "branch01.contoso.com"
        ),
        ["branch01.contoso.com sip.contoso.com sip.fabrikam.com"]
    );
    assert_eq!(
        example(include_str!("../../deploy/examples/edge-pool.toml"), "edge02.contoso.net"),
        [
            "edge.contoso.net edge02.contoso.net",
            "sip.contoso.com webcon.contoso.com sip.fabrikam.com contoso.com",
            "av.contoso.com",
        ]
    );
}

#[test]
fn a_subject_longer_than_64_characters_is_left_out_and_stays_a_name() {
    let host = format!("{}.contoso.com", "a".repeat(60));
    let text = format!("{ONE}[pools.\"{host}\"]\nkind = \"StandardEdition\"\n");
    let topology = Topology::parse(&text).unwrap();
    let place = topology.place(&host.parse().unwrap()).unwrap();
    let roles = [Role::from(BuiltInRole::Default)];
    let planned = names(&topology, place, &roles, NamingOptions::default());
    assert_eq!(planned.subject_cn, None);
    assert_eq!(planned.dns_names(), [host.parse().unwrap()]);
}

#[test]
fn a_nameless_certificate_keeps_its_subject_as_a_name_when_it_is_too_long_for_one() {
    let host = format!("{}.contoso.com", "a".repeat(60));
    let pools = POOLS.replace("edge.contoso.net", &host);
    let topology = Topology::parse(&format!("{LYNC_TWO}{pools}")).unwrap();
    let place = topology.place(&"edge01.contoso.com".parse().unwrap()).unwrap();
    let roles = [Role::from(BuiltInRole::Internal)];
    let planned = names(&topology, place, &roles, NamingOptions::default());
    assert_eq!(planned.subject_cn, None);
    assert_eq!(planned.dns_names(), [host.parse().unwrap()]);
}

#[test]
fn a_custom_role_is_named_by_its_patterns() {
    let text = format!(
        "{TWO}[roles.relay]\nnames = [\"turn-{{server}}\", \"{{pool}}\", \"turn.{{sip_domain}}\", \"{{primary_sip_domain}}\"]\n\
         [roles.pooled]\nscope = \"pool\"\nnames = [\"{{pool}}\", \"{{server}}\"]\n\
         [pools.\"turn.contoso.net\"]\nkind = \"Custom\"\nservers = [\"t01\", \"t02\"]\nroles = [\"relay\", \"pooled\"]\n"
    );
    let topology = Topology::parse(&text).unwrap();
    let place = topology.place(&"t01.contoso.net".parse().unwrap()).unwrap();
    let named = |role: &str| {
        let planned = names(&topology, place, &[role.parse().unwrap()], NamingOptions::default());
        planned.dns_names().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        named("relay"),
        "turn-t01.contoso.net turn.contoso.net turn.contoso.com turn.fabrikam.com contoso.com"
    );
    assert_eq!(named("pooled"), "turn.contoso.net t01.contoso.net t02.contoso.net");
}

#[test]
fn what_a_request_adds_comes_last_with_its_reason() {
    let topology = Topology::parse(&format!("{ONE}{POOLS}")).unwrap();
    let place = topology.place(&"se01.contoso.com".parse().unwrap()).unwrap();
    let added = ["sipinternal.contoso.com".parse().unwrap(), "se01.contoso.com".parse().unwrap()];
    let options = NamingOptions { added_names: &added, ..NamingOptions::default() };
    let planned = names(&topology, place, &[Role::from(BuiltInRole::Default)], options);
    let whys: Vec<_> =
        planned.names.iter().map(|one| format!("{}: {}", one.name, one.why)).collect();
    assert_eq!(
        whys,
        [
            "se01.contoso.com: name of the pool, subject of Default; name of the server; added by \
             the request",
            "sipinternal.contoso.com: added by the request",
        ]
    );
}

prop_compose! {
    fn head()(
        lync in any::<bool>(),
        rfc5922 in any::<bool>(),
        strict in any::<bool>(),
        wildcards in any::<bool>(),
        domains in prop::collection::btree_set("[a-z]{1,8}\\.(com|net)", 1..4),
    ) -> String {
        let domains: Vec<_> = domains.iter().map(|domain| format!("{domain:?}")).collect();
        format!(
            "{}{}strict_dns = {strict}\nwildcard_simple_urls = {wildcards}\nsip_domains = [{}]\n",
            if lync { "profile = \"lync2013\"\n" } else { "" },
            if rfc5922 { "sip_identity = \"rfc5922\"\n" } else { "" },
            domains.join(", "),
        )
    }
}

proptest! {
    #[test]
    fn every_server_and_role_gets_sound_names(head in head(), public in any::<bool>()) {
        let topology = Topology::parse(&format!("{head}{POOLS}")).unwrap();
        let servers: Vec<Fqdn> =
            topology.servers().map(|server| server.name().clone()).collect();
        for server in servers {
            let place = topology.place(&server).unwrap();
            let on_edge = place.pool.kind() == crate::role::PoolKind::Edge;
            for group in topology.groups(&server) {
                let options = NamingOptions { public_issuer: public, ..NamingOptions::default() };
                let planned = names(&topology, place, &group, options);
                prop_assert_eq!(&planned, &names(&topology, place, &group, options));
                let subject = planned.subject_cn.clone().unwrap();
                prop_assert!(!subject.is_wildcard());
                prop_assert!(planned.contains(&subject) || planned.names.is_empty());
                for one in &planned.names {
                    let parsed: DnsName = one.name.as_str().parse().unwrap();
                    prop_assert_eq!(&parsed, &one.name);
                    prop_assert!(!on_edge || !one.name.is_wildcard());
                }
            }
        }
    }
}
