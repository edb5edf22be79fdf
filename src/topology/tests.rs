use proptest::prelude::*;

use super::*;
use crate::role::Scope;

const SE: &str = r#"
sip_domains = ["contoso.com"]
[pools."se01.contoso.com"]
kind = "StandardEdition"
"#;

fn fqdn(text: &str) -> Fqdn {
    text.parse().unwrap()
}

fn parsed(text: &str) -> Topology {
    Topology::parse(text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn refused(text: &str) -> Vec<String> {
    Topology::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

/// Asserts that `text` has exactly one problem, on `line`, with every one of `parts` in it.
#[track_caller]
fn assert_problem(text: &str, line: usize, parts: &[&str]) {
    let problems = Topology::parse(text).unwrap_err();
    let all = problems.to_string();
    assert_eq!(problems.iter().count(), 1, "{all}");
    assert_eq!(problems.iter().next().unwrap().line, line, "{all}");
    for part in parts {
        assert!(all.contains(part), "`{part}` is not in: {all}");
    }
}

fn groups(topology: &Topology, server: &str) -> Vec<String> {
    let needs = topology.roles_needed(&fqdn(server));
    topology
        .groups(&fqdn(server))
        .iter()
        .enumerate()
        .map(|(index, roles)| {
            let need = needs.iter().find(|need| need.group == index).unwrap();
            let roles = roles.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
            let shared = if need.shared { " shared" } else { "" };
            let template = need.template.as_ref().map_or("-", |template| template.as_str());
            format!("{roles} {}{shared} {} {template}", need.instance, need.issuer)
        })
        .collect()
}

#[test]
fn a_lone_server_needs_three_lines() {
    let topology = parsed(SE);
    assert_eq!(topology.primary_sip_domain(), &fqdn("contoso.com"));
    assert_eq!(
        groups(&topology, "se01.contoso.com"),
        [
            "Default+WebServicesInternal+WebServicesExternal se01.contoso.com embedded WebServerClient",
            "OAuthTokenIssuer global shared embedded WebServer",
        ]
    );
    assert!(topology.roles_needed(&fqdn("se02.contoso.com")).is_empty());
}

#[test]
fn every_inference_is_explained() {
    let topology = parsed(SE);
    let find =
        |path: &str| topology.explain().iter().filter(|one| one.path == path).collect::<Vec<_>>();
    for (path, value) in [
        ("issuers", "embedded"),
        ("profile", "today"),
        ("autodiscover", "true"),
        ("simple_urls.dialin", "dialin.contoso.com"),
        ("simple_urls.meet.\"contoso.com\"", "meet.contoso.com"),
        ("pools.\"se01.contoso.com\".servers", "se01.contoso.com"),
        ("pools.\"se01.contoso.com\".web_external", "se01.contoso.com"),
        ("pools.\"se01.contoso.com\".auto_logon", "false"),
        ("max_token_lifetime", "8h"),
    ] {
        let found = find(path);
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        assert_eq!(found[0].value, value, "{path}");
        assert!(!found[0].why.is_empty(), "{path}");
    }
    assert_eq!(find("pools.\"se01.contoso.com\".roles").len(), 4);
}

#[test]
fn the_examples_need_what_their_kinds_need() {
    let standard = parsed(include_str!("../../deploy/examples/standard-edition.toml"));
    assert_eq!(groups(&standard, "se01.contoso.com").len(), 2);

    let enterprise = parsed(include_str!("../../deploy/examples/enterprise-pool.toml"));
    assert_eq!(
        groups(&enterprise, "fe02.contoso.net"),
        [
            "Default+WebServicesInternal fe02.contoso.net corp WebServerClient",
            "WebServicesExternal fe02.contoso.net public -",
            "OAuthTokenIssuer global shared corp WebServerClient",
        ]
    );

    let director = parsed(include_str!("../../deploy/examples/director.toml"));
    assert_eq!(
        groups(&director, "dir01.contoso.net"),
        [
            "Default+WebServicesInternal+WebServicesExternal dir01.contoso.net corp WebServerClient",
            "OAuthTokenIssuer global shared corp WebServerClient",
        ]
    );

    let mediation = parsed(include_str!("../../deploy/examples/mediation.toml"));
    assert_eq!(
        groups(&mediation, "med02.contoso.com"),
        ["Default med02.contoso.com embedded WebServerClient"]
    );

    let branch = parsed(include_str!("../../deploy/examples/survivable-branch.toml"));
    assert_eq!(
        groups(&branch, "branch01.contoso.com"),
        ["Default branch01.contoso.com embedded WebServerClient"]
    );

    let edge = parsed(include_str!("../../deploy/examples/edge-pool.toml"));
    assert_eq!(
        groups(&edge, "edge03.contoso.net"),
        [
            "Internal edge03.contoso.net corp WebServerClient",
            "AccessEdgeExternal+DataEdgeExternal+XMPPServer edge.contoso.net shared public -",
            "AudioVideoAuthentication edge.contoso.net shared corp WebServerClient",
        ]
    );
    let edge01 = edge.place(&fqdn("edge01.contoso.net")).unwrap();
    assert_eq!(edge01.server.address().unwrap().to_string(), "10.0.0.11:7443");
}

#[test]
fn the_media_relay_of_a_single_edge_server_is_exportable_and_its_access_certificate_is_not() {
    let edge = parsed(
        r#"
sip_domains = ["contoso.com"]
[pools."edge.contoso.net"]
kind = "Edge"
servers = ["edge01"]
access = "sip.contoso.com"
web_conferencing = "sip.contoso.com"
av = "sip.contoso.com"
"#,
    );
    let exportable: Vec<_> = edge
        .roles_needed(&fqdn("edge01.contoso.net"))
        .into_iter()
        .filter(|need| need.exportable)
        .map(|need| need.role.to_string())
        .collect();
    assert_eq!(exportable, ["AudioVideoAuthentication"]);
}

#[test]
fn a_role_marked_as_shared_has_the_scope_of_its_pool_and_leaves_its_group() {
    let text = r#"
sip_domains = ["contoso.com"]
[pools."fe.contoso.net"]
kind = "FrontEnd"
servers = ["fe01", "fe02"]
shared = ["Default"]
"#;
    let topology = parsed(text);
    let needs = topology.roles_needed(&fqdn("fe01.contoso.net"));
    assert_eq!(needs[0].scope(), Scope::Pool);
    assert!(needs[0].exportable);
    assert_eq!(needs[0].instance.to_string(), "fe.contoso.net");
    assert_ne!(needs[0].group, needs[1].group);
    assert_eq!(needs[1].group, needs[2].group);
}

#[test]
fn the_token_issuer_is_on_every_inside_server_and_on_no_other() {
    let topology = parsed(
        r#"
sip_domains = ["contoso.com"]
[pools."se01.contoso.com"]
kind = "StandardEdition"
[pools."med.contoso.com"]
kind = "Mediation"
servers = ["med01"]
[pools."dir.contoso.com"]
kind = "Director"
servers = ["dir01"]
"#,
    );
    let members = topology.members(&BuiltInRole::OAuthTokenIssuer.into(), &ScopeInstance::Global);
    assert_eq!(members, [&fqdn("se01.contoso.com"), &fqdn("dir01.contoso.com")]);
}

#[test]
fn a_custom_role_is_described_by_the_topology() {
    let topology = parsed(
        r#"
sip_domains = ["contoso.com", "fabrikam.com"]
[issuers.inside]
kind = "embedded"
[issuers.other]
kind = "file"
[roles.Turn-Internal]
scope = "pool"
names = ["turn.{pool}", "turn.{sip_domain}"]
usages = ["server", "client"]
keys = ["p-256"]
issuer = "other"
lead = "2h"
[pools."turn.contoso.net"]
kind = "Custom"
servers = ["turn01", "turn02"]
roles = ["turn-internal"]
"#,
    );
    let needs = topology.roles_needed(&fqdn("turn01.contoso.net"));
    assert_eq!(needs.len(), 1);
    assert_eq!(needs[0].issuer.as_str(), "other");
    assert!(needs[0].shared);
    assert!(topology.usages(&needs[0].role).client);
    let pool = topology.pool(&fqdn("turn.contoso.net")).unwrap();
    assert_eq!(topology.lead(pool, &needs[0].role), Some(Duration::from_secs(7_200)));
}

#[test]
fn the_embedded_ca_may_issue_within_the_sip_domains_and_the_servers_domains() {
    let topology = parsed(include_str!("../../deploy/examples/edge-pool.toml"));
    let constraints: Vec<_> = topology.name_constraints().iter().map(ToString::to_string).collect();
    assert_eq!(constraints, ["contoso.com", "contoso.net", "fabrikam.com"]);
}

#[test]
fn every_problem_comes_at_once_with_its_line_and_remedy() {
    let problems = refused(
        r#"sip_domain = ["contoso.com"]
[issuers.corp]
kind = "adcsx"
[pools."fe.contoso.net"]
kind = "FrontEnt"
servers = ["fe_01"]
[pools."edge.contoso.net"]
kind = "Edge"
acess = "sip.contoso.com"
"#,
    );
    let all = problems.join("\n");
    for part in [
        "line 1: sip_domain: unknown key; did you mean `sip_domains`",
        "line 3: issuers.corp.kind: `adcsx` is no kind of issuer; did you mean `adcs`?",
        "line 5: pools.\"fe.contoso.net\".kind: `FrontEnt` is not a kind of pool",
        "did you mean `FrontEnd`",
        "line 6: pools.\"fe.contoso.net\".servers: label `fe_01` contains `_`",
        "line 7: pools.\"edge.contoso.net\": the key `servers` is missing",
        "the key `access` is missing",
        "line 9: pools.\"edge.contoso.net\".acess: unknown key; did you mean `access`",
    ] {
        assert!(all.contains(part), "`{part}` is not in:\n{all}");
    }
    assert!(problems.iter().all(|problem| problem.starts_with("line ")), "{all}");
}

#[test]
fn what_is_not_toml_is_reported_with_its_line() {
    assert_problem("sip_domains = [\"contoso.com\"]\n[pools\n", 2, &["this is not TOML"]);
    let twice = format!("{SE}kind = \"FrontEnd\"\n");
    assert_problem(&twice, 5, &["duplicate key"]);
    let huge = "#".repeat(crate::document::MAX_LEN + 1);
    assert_problem(&huge, 1, &["at most"]);
}

#[test]
fn a_value_of_another_type_is_reported_with_what_is_expected() {
    let text = SE.replace("[\"contoso.com\"]", "\"contoso.com\"");
    let all = refused(&text).join("\n");
    assert!(all.contains("a text stands where a list of texts is expected"), "{all}");
    assert_problem(
        &format!("{SE}services = [7]\n"),
        5,
        &["a whole number stands where a text is expected"],
    );
    assert_problem(&format!("max_unavailable = 0\n{SE}"), 1, &["a whole number from 1"]);
}

/// Bad topologies: what is appended to a good one, the line relative to it, and what is said.
const BAD: &[(&str, &str, usize, &[&str])] = &[
    (
        "a Standard Edition pool with another server",
        "[pools.\"se02.contoso.com\"]\nkind = \"StandardEdition\"\nservers = [\"se03\"]\n",
        3,
        &["one server that has its name"],
    ),
    (
        "a server in two pools",
        "[pools.\"med.contoso.com\"]\nkind = \"Mediation\"\nservers = [\"se01\"]\n",
        3,
        &["se01.contoso.com is already in pool se01.contoso.com"],
    ),
    (
        "a pool with the name of a member of several",
        "[pools.\"med.contoso.com\"]\nkind = \"Mediation\"\nservers = [\"med\", \"med02\"]\n",
        3,
        &["cannot have the pool's name"],
    ),
    (
        "a Director with the Front End's external web name",
        "[pools.\"dir.contoso.com\"]\nkind = \"Director\"\nservers = [\"dir01\"]\nweb_external = \"se01.contoso.com\"\n",
        4,
        &["pool se01.contoso.com has the same external web name"],
    ),
    (
        "an issuer that is not defined",
        "issuer = \"embeded\"\n",
        1,
        &["there is no issuer embeded", "did you mean `embedded`"],
    ),
    (
        "a role that is not defined",
        "roles = [\"WebServiceInternal\"]\n",
        1,
        &["there is no role WebServiceInternal", "did you mean `WebServicesInternal`"],
    ),
    (
        "a shared role that the kind does not need",
        "shared = [\"Internal\"]\n",
        1,
        &["a StandardEdition server does not need Internal"],
    ),
    (
        "a key of another kind",
        "access = \"sip.contoso.com\"\n",
        1,
        &["has no meaning for a pool of kind StandardEdition", "it is for Edge"],
    ),
    (
        "another internal web name on Standard Edition",
        "web_internal = \"web.contoso.com\"\n",
        1,
        &["internal web name is its own"],
    ),
    ("a service that is a path", "services = [\"../nginx\"]\n", 1, &["cannot name a service"]),
    ("a service twice", "services = [\"nginx\", \"nginx\"]\n", 1, &["listed twice"]),
    (
        "an address of a stranger",
        "addresses = { se02 = \"10.0.0.1\" }\n",
        1,
        &["se02.contoso.com is not a server of this pool"],
    ),
    (
        "a wildcard over a top-level domain",
        "allowed_names = [\"*.com\"]\n",
        1,
        &["more than one domain"],
    ),
    (
        "an Edge server in a global scope",
        "[pools.\"edge.contoso.net\"]\nkind = \"Edge\"\nservers = [\"edge01\"]\naccess = \"a.contoso.com\"\nweb_conferencing = \"b.contoso.com\"\nav = \"c.contoso.com\"\nroles = [\"OAuthTokenIssuer\"]\n",
        7,
        &["holds no global key"],
    ),
    (
        "XMPP without domains",
        "[pools.\"edge.contoso.net\"]\nkind = \"Edge\"\nservers = [\"edge01\"]\naccess = \"a.contoso.com\"\nweb_conferencing = \"b.contoso.com\"\nav = \"c.contoso.com\"\nroles = [\"XMPPServer\"]\n",
        7,
        &["write xmpp_domains"],
    ),
    (
        "a token lifetime of a year",
        "[pools.\"edge.contoso.net\"]\nkind = \"Edge\"\nservers = [\"edge01\"]\naccess = \"a.contoso.com\"\nweb_conferencing = \"b.contoso.com\"\nav = \"c.contoso.com\"\nmax_token_lifetime = \"365d\"\n",
        7,
        &["one minute to 180 days"],
    ),
    (
        "an external name that is missing",
        "[pools.\"edge.contoso.net\"]\nkind = \"Edge\"\nservers = [\"edge01\"]\naccess = \"a.contoso.com\"\nav = \"c.contoso.com\"\n",
        1,
        &["the key `web_conferencing` is missing", "web_conferencing = \"webcon.contoso.com\""],
    ),
    (
        "a wildcard on an Edge role",
        "[roles.relay]\nnames = [\"{server}\", \"*.{sip_domain}\"]\n[pools.\"edge.contoso.net\"]\nkind = \"Edge\"\nservers = [\"edge01\"]\naccess = \"a.contoso.com\"\nweb_conferencing = \"b.contoso.com\"\nav = \"c.contoso.com\"\nroles = [\"relay\"]\n",
        2,
        &["no wildcard is requested"],
    ),
    (
        "a wildcard as subject",
        "[roles.relay]\nnames = [\"*.{sip_domain}\"]\n",
        2,
        &["never a wildcard"],
    ),
    (
        "an unknown placeholder",
        "[roles.relay]\nnames = [\"{host}.contoso.com\"]\n",
        2,
        &["unknown placeholder"],
    ),
    ("a built-in role defined again", "[roles.default]\n", 1, &["Default is a built-in role"]),
    ("a role that is a path", "[roles.\"../x\"]\n", 1, &["cannot be a role"]),
    (
        "a global role naming a server",
        "[roles.x]\nscope = \"global\"\nnames = [\"{server}\"]\n",
        3,
        &["cannot name one server"],
    ),
    (
        "a Custom pool without roles",
        "[pools.\"x.contoso.com\"]\nkind = \"Custom\"\nservers = [\"x01\"]\n",
        2,
        &["needs no role by itself"],
    ),
    (
        "an ACME directory in the clear",
        "[issuers.embedded]\nkind = \"acme\"\ndirectory = \"http://ca.contoso.com/dir\"\n",
        3,
        &["must be https"],
    ),
    (
        "a program instead of its name",
        "[issuers.embedded]\nkind = \"helper\"\nhelper = \"/usr/bin/sh -c\"\n",
        3,
        &["names programs, it never contains them"],
    ),
    (
        "a CA without a name",
        "[issuers.embedded]\nkind = \"adcs\"\nca = \"ca01.contoso.net\"\n",
        3,
        &["not a host and a CA name"],
    ),
    ("an issuer without a kind", "[issuers.embedded]\n", 1, &["the key `kind` is missing"]),
    (
        "a key of another issuer",
        "[issuers.embedded]\nkind = \"file\"\nca = 'a.b\\c'\n",
        3,
        &["unknown key"],
    ),
    (
        "a trust anchor that is none",
        "[trust_anchors.corp]\npem = \"MII\"\n",
        2,
        &["no certificate in PEM"],
    ),
    (
        "a grant nobody knows",
        "[grants.anna]\ngrant = \"admin\"\n",
        2,
        &["is not a grant", "did you mean `administrator`"],
    ),
    (
        "a topology that locks its publisher out",
        "[grants.anna]\ngrant = \"viewer\"\n",
        1,
        &["nobody could publish again"],
    ),
    (
        "a reach outside the fleet",
        "[grants.anna]\ngrant = \"administrator\"\n[grants.ben]\ngrant = \"viewer\"\nreach = [\"pool:fe.contoso.net\"]\n",
        5,
        &["there is no pool:fe.contoso.net"],
    ),
    (
        "a Meet page of another domain",
        "[simple_urls]\nmeet = { \"fabrikam.com\" = \"meet.fabrikam.com\" }\n",
        2,
        &["not one of the SIP domains"],
    ),
    ("no time at all", "renew_before = \"0s\"\n", 1, &["over at once"]),
    (
        "a length of time nobody understands",
        "renew_before = \"soon\"\n",
        1,
        &["not a length of time"],
    ),
];

#[test]
fn what_does_not_go_together_is_refused_at_the_key_to_change() {
    let lines = SE.lines().count();
    for (case, appended, line, parts) in BAD {
        let text = format!("{SE}{appended}");
        let problems = Topology::parse(&text).expect_err(case);
        let all = problems.to_string();
        let found = problems.iter().any(|problem| {
            let shown = problem.to_string();
            problem.line == lines + line && parts.iter().all(|part| shown.contains(part))
        });
        assert!(found, "{case}: line {}: {parts:?} is not in:\n{all}", lines + line);
    }
}

#[test]
fn sip_domains_are_listed_once_and_leave_room_for_names() {
    assert_problem(
        &SE.replace("\"contoso.com\"]", "\"contoso.com\", \"Contoso.com\"]"),
        2,
        &["listed twice"],
    );
    let long =
        format!("{}.{}.{}.{}.com", "a".repeat(60), "b".repeat(60), "c".repeat(60), "d".repeat(60));
    let text = SE.replace("\"contoso.com\"]", &format!("\"contoso.com\", \"{long}\"]"));
    assert_problem(&text, 2, &["no room"]);
    let all = refused("[pools.\"se01.contoso.com\"]\nkind = \"StandardEdition\"\n").join("\n");
    assert!(all.contains("at least one SIP domain is needed"), "{all}");
}

#[test]
fn where_clients_sign_in_is_inferred_only_when_there_is_no_choice() {
    let strict = parsed(&format!("strict_dns = true\n{SE}"));
    assert!(strict.pools()[0].is_auto_logon());
    assert!(!parsed(SE).pools()[0].is_auto_logon());
    let director = parsed(include_str!("../../deploy/examples/director.toml"));
    assert!(director.pools()[0].is_auto_logon());
    assert!(!director.pools()[1].is_auto_logon());
}

#[test]
fn issuers_keep_their_order_and_what_is_inferred_about_them() {
    let topology = parsed(&format!(
        "{SE}external_issuer = \"paper\"\n\
         [issuers.zeta]\nkind = \"adcs\"\nca = 'ca01.contoso.net\\Contoso CA'\n\
         [issuers.le]\nkind = \"acme\"\ndirectory = \"https://acme.example.org/directory\"\n\
         [issuers.paper]\nkind = \"file\"\n\
         [issuers.certmonger]\nkind = \"helper\"\n"
    ));
    assert_eq!(topology.default_issuer().name().as_str(), "zeta");
    let public: Vec<_> = topology.issuers().iter().map(Issuer::is_public).collect();
    assert_eq!(public, [false, true, true, false]);
    let IssuerKind::Adcs { ces_url, .. } = topology.default_issuer().kind() else { panic!() };
    assert_eq!(ces_url, "https://ca01.contoso.net/Contoso%20CA_CES_Kerberos/service.svc/CES");
    let IssuerKind::Helper { helper, .. } = topology.issuers()[3].kind() else { panic!() };
    assert_eq!(helper, "certmonger");
}

#[test]
fn templates_of_the_embedded_ca_join_or_replace_the_built_in_ones() {
    let topology = parsed(&format!(
        "{SE}[issuers.ca]\nkind = \"embedded\"\n[issuers.ca.templates.WebServer]\nlifetime = \"30d\"\n\
         [issuers.ca.templates.Checked]\ndisplay_name = \"Checked by hand\"\napproval = true\nclient_auth = true\nkeys = [\"p-384\"]\n"
    ));
    let names: Vec<_> =
        topology.default_issuer().templates().iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["WebServerClient", "WebServer", "Checked"]);
    let checked = &topology.default_issuer().templates()[2];
    assert!(checked.approval && checked.client_auth);
    assert_eq!(checked.keys, [KeyAlgorithm::EcdsaP384]);
}

#[test]
fn grants_and_groups_are_kept() {
    let topology = parsed(&format!(
        "{SE}site = \"Berlin\"\n[groups]\nRTCUniversalServerAdmins = [\"anna\", \"ben\"]\n\
         [grants.carla]\ngrant = \"administrator\"\n\
         [grants.RTCUniversalServerAdmins]\ngrant = \"server-administrator\"\nreach = [\"site:Berlin\"]\n"
    ));
    assert_eq!(topology.group_members()["RTCUniversalServerAdmins"], ["anna", "ben"]);
    let rule = &topology.grants()[1];
    assert_eq!(rule.grant(), Grant::ServerAdministrator);
    assert_eq!(rule.reach(), [Reach::Site("Berlin".into())]);
}

#[test]
fn what_a_terminal_would_not_show_is_escaped_in_problems() {
    let all = refused(&format!("{SE}\"\\u001b[31m\" = 1\n")).join("\n");
    assert!(!all.contains('\u{1b}'), "{all:?}");
}

#[test]
fn the_manual_shows_every_key_there_is() {
    let manual = include_str!("../manual/topology.md");
    let text = manual.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    parsed(text);
    // Every unknown-key problem lists the keys that are known: the manual has to show them all.
    let mut probe = String::new();
    for line in text.lines() {
        probe.push_str(line);
        probe.push('\n');
        if line.starts_with('[') && !line.starts_with("[groups]") {
            probe.push_str("zzz = 1\n");
        }
    }
    for problem in refused(&format!("zzz = 1\n{probe}")) {
        let Some((_, known)) = problem.split_once("(known here: ") else { continue };
        for key in known.trim_end_matches(')').split(", ") {
            let written = text.lines().any(|line| {
                line.starts_with(&format!("{key} ="))
                    || line.starts_with(&format!("[{key}"))
                    || line.starts_with(&format!("[issuers.embedded.{key}."))
            });
            assert!(written, "the manual does not show `{key}`: {problem}");
        }
    }
}

#[test]
fn groups_operators_sites_and_anchors_have_names_that_can_be_shown() {
    for appended in [
        "[groups]\n\"../x\" = []\n",
        "[groups]\nstaff = [\"a b\"]\n",
        "[grants.\"a/b\"]\ngrant = \"administrator\"\n",
        "[trust_anchors.\"..\"]\npem = \"-----BEGIN CERTIFICATE-----\"\n",
        "site = \" \"\n",
        "site = \"a\\u202eb\"\n",
    ] {
        let all = refused(&format!("{SE}{appended}")).join("\n");
        assert!(all.contains("cannot name a"), "{appended}: {all}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_parsing_panic(text in "\\PC*") {
        drop(Topology::parse(&text));
    }

    #[test]
    fn no_damage_to_an_example_makes_parsing_panic(
        cut in 0_usize..2_000,
        length in 0_usize..40,
        insert in "[\\PC\n\"\\[\\]=]{0,8}",
    ) {
        let mut text: Vec<char> =
            include_str!("../../deploy/examples/edge-pool.toml").chars().collect();
        let from = cut.min(text.len());
        let to = from.saturating_add(length).min(text.len());
        text.splice(from..to, insert.chars());
        drop(Topology::parse(&text.into_iter().collect::<String>()));
    }
}
