use proptest::prelude::*;

use super::*;
use crate::enrollment::EnrollmentName;
use crate::key::KeyAlgorithm;
use crate::request::{Goal, SipDomainChoice};
use crate::role::BuiltInRole;

const SE: &str = include_str!("../../deploy/examples/standard-edition.toml");
const EE: &str = include_str!("../../deploy/examples/enterprise-pool.toml");
const EDGE: &str = include_str!("../../deploy/examples/edge-pool.toml");

/// 2026-11-24T02:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_795_485_600);

/// A world that a test changes before it plans.
struct World {
    topology: Topology,
    server: Fqdn,
    spec: RequestSpec,
    issuers: BTreeMap<IssuerName, IssuerFacts>,
    enrollments: Vec<Enrollment>,
    current: Vec<CurrentCertificate>,
    friendly_names: BTreeSet<FriendlyName>,
    may_add_names: bool,
    approved_names: Vec<DnsName>,
}

fn world(text: &str, server: &str, roles: &[&str]) -> World {
    World {
        topology: Topology::parse(text).unwrap_or_else(|problems| panic!("{problems}")),
        server: server.parse().unwrap(),
        spec: RequestSpec::for_roles(roles.iter().map(|role| role.parse().unwrap())),
        issuers: BTreeMap::new(),
        enrollments: Vec::new(),
        current: Vec::new(),
        friendly_names: BTreeSet::new(),
        may_add_names: false,
        approved_names: Vec::new(),
    }
}

fn se(roles: &[&str]) -> World {
    world(SE, "se01.contoso.com", roles)
}

impl World {
    fn plan(&self) -> Result<Plan, Refusals> {
        plan(PlanInput {
            topology: &self.topology,
            server: &self.server,
            spec: &self.spec,
            issuers: &self.issuers,
            enrollments: &self.enrollments,
            current: &self.current,
            friendly_names: &self.friendly_names,
            fresh_number: 2,
            may_add_names: self.may_add_names,
            approved_names: &self.approved_names,
            now: NOW,
        })
    }

    #[track_caller]
    fn planned(&self) -> Plan {
        self.plan().unwrap_or_else(|refusals| panic!("{refusals}"))
    }

    /// Plans and expects refusals, each as `field: text (remedy)`.
    #[track_caller]
    fn refused(&self) -> Vec<String> {
        let refusals = self.plan().unwrap_err();
        let shown = |one: &Refusal| format!("{}: {one} ({})", one.field(), one.remedy());
        refusals.iter().map(shown).collect()
    }

    fn issuer(mut self, name: &str, change: impl FnOnce(&mut IssuerFacts)) -> Self {
        let name: IssuerName = name.parse().unwrap();
        let mut facts = IssuerFacts::of(self.topology.issuer(&name).unwrap());
        change(&mut facts);
        self.issuers.insert(name, facts);
        self
    }
}

fn codes(plan: &Plan) -> Vec<&'static str> {
    plan.notes.iter().map(Note::code).collect()
}

#[track_caller]
fn assert_has(texts: &[String], parts: &[&str]) {
    for part in parts {
        assert!(texts.iter().any(|text| text.contains(part)), "`{part}` is not in {texts:#?}");
    }
}

#[test]
fn a_blank_request_is_filled_in_from_the_topology() {
    let plan = se(&["WebServicesInternal", "Default", "WebServicesExternal"]).planned();
    let enrollment = &plan.enrollment;
    assert_eq!(enrollment.name().as_str(), "Default@se01.contoso.com");
    assert_eq!(enrollment.issuer.as_str(), "embedded");
    assert_eq!(enrollment.template, Some(Template::web_server_client()));
    assert_eq!(enrollment.key_algorithm, KeyAlgorithm::Rsa2048);
    assert!(!enrollment.exportable);
    assert_eq!(plan.usages, Usages::BOTH);
    assert_eq!(plan.subject_cn.unwrap().as_str(), "se01.contoso.com");
    assert_eq!(plan.friendly_name.as_str(), "Default se01.contoso.com 2026-11-24");
    assert_eq!(plan.lifetime, Some(Template::DEFAULT_LIFETIME));
    assert!(!plan.approval_required);
    assert_eq!(plan.changes, [EnrollmentChange::Set(plan.enrollment.clone())]);
}

#[test]
fn the_token_issuer_is_global_exportable_and_rsa() {
    let mut world = se(&["OAuthTokenIssuer"]);
    let plan = world.planned();
    assert_eq!(plan.enrollment.name().as_str(), "OAuthTokenIssuer@global");
    assert!(plan.enrollment.exportable);
    assert_eq!(plan.usages, Usages::SERVER);
    assert!(codes(&plan).contains(&"exportable-forced"));

    world.spec.key_algorithm = Some(KeyAlgorithm::EcdsaP256);
    assert_has(
        &world.refused(),
        &["key_algorithm: OAuthTokenIssuer does not accept a key of p-256", "rsa-2048, rsa-3072"],
    );
}

#[test]
fn a_default_key_that_a_role_cannot_use_is_replaced_with_a_note() {
    let text = format!("key_algorithm = \"p-384\"\n{SE}");
    let plan = world(&text, "se01.contoso.com", &["OAuthTokenIssuer"]).planned();
    assert_eq!(plan.enrollment.key_algorithm, KeyAlgorithm::Rsa2048);
    assert!(codes(&plan).contains(&"other-key-chosen"));
    let plan = world(&text, "se01.contoso.com", &["Default"]).planned();
    assert_eq!(plan.enrollment.key_algorithm, KeyAlgorithm::EcdsaP384);
}

#[test]
fn every_reason_comes_at_once() {
    let mut world = se(&["Internal", "Default", "default", "Defualt"]);
    world.spec.issuer = Some("embeded".parse().unwrap());
    let refused = world.refused();
    assert_has(
        &refused,
        &[
            "roles: the computer does not need a certificate for Internal: se01.contoso.com needs \
             Default, WebServicesInternal, WebServicesExternal, OAuthTokenIssuer",
            "roles: Default is named twice",
            "roles: there is no role Defualt; did you mean `Default`?",
            "issuer: the topology has no issuer embeded; did you mean `embedded`?",
        ],
    );
    assert_eq!(refused.len(), 4);
}

#[test]
fn a_role_of_the_hosted_service_is_a_known_name_that_nobody_needs() {
    assert_has(
        &se(&["TenantAdmin"]).refused(),
        &["the computer does not need a certificate for TenantAdmin"],
    );
    assert_has(&se(&[]).refused(), &["no role is named"]);
    let mut stranger = se(&["Default"]);
    stranger.server = "se02.contoso.com".parse().unwrap();
    assert_has(&stranger.refused(), &["server: the topology has no server se02.contoso.com"]);
}

#[test]
fn a_template_is_named_by_its_name() {
    let mut world = se(&["Default"]);
    world.spec.template = Some("Web Server".parse().unwrap());
    assert_has(
        &world.refused(),
        &[
            "template: `Web Server` is the display name of template WebServer (give its name, WebServer)",
        ],
    );
    world.spec.template = Some("WebSrever".parse().unwrap());
    assert_has(&world.refused(), &["has no template WebSrever; did you mean `WebServer`"]);
}

#[test]
fn who_is_no_administrator_does_not_get_around_an_approval_by_another_template() {
    let guarded = "sip_domains = [\"contoso.com\"]\n\
        [issuers.ca]\nkind = \"embedded\"\ntemplate = \"Guarded\"\n\
        [issuers.ca.templates.Guarded]\napproval = true\n\
        [pools.\"se01.contoso.com\"]\nkind = \"StandardEdition\"\n";
    let mut world = world(guarded, "se01.contoso.com", &["Default"]);
    for choose in [
        |_: &mut World| {},
        |world: &mut World| world.spec.template = Some(Template::web_server_client()),
        |world: &mut World| world.spec.client_eku = Some(true),
    ] {
        choose(&mut world);
        world.may_add_names = false;
        let plan = world.planned();
        assert!(plan.approval_required, "{:?}", plan.enrollment.template);
        assert!(codes(&plan).contains(&"approval-needed"));
    }
    world.may_add_names = true;
    assert!(!world.planned().approval_required, "an administrator chose another template");
}

#[test]
fn an_issuer_that_was_never_asked_gets_the_template_as_it_is() {
    let mut world = world(EE, "fe01.contoso.net", &["Default"]);
    world.spec.template = Some("ContosoWeb".parse().unwrap());
    assert_eq!(world.planned().enrollment.template.unwrap().as_str(), "ContosoWeb");
}

#[test]
fn a_key_that_the_template_refuses_is_refused_before_it_is_made() {
    let mut world = se(&["Default"]).issuer("embedded", |facts| {
        for template in facts.templates.as_mut().unwrap() {
            template.keys = vec![KeyAlgorithm::Rsa4096];
        }
    });
    assert_eq!(world.planned().enrollment.key_algorithm, KeyAlgorithm::Rsa4096);
    world.spec.key_algorithm = Some(KeyAlgorithm::Rsa2048);
    assert_has(
        &world.refused(),
        &["template WebServerClient does not accept a key of rsa-2048 (use one of rsa-4096)"],
    );
}

#[test]
fn client_authentication_is_missed_with_a_note_and_refused_when_it_was_asked_for() {
    let mut world = se(&["Default"]);
    world.spec.template = Some(Template::web_server());
    let plan = world.planned();
    assert_eq!(plan.usages, Usages::SERVER);
    assert!(codes(&plan).contains(&"client-auth-unavailable"));

    world.spec.client_eku = Some(true);
    assert_has(
        &world.refused(),
        &["client_eku: issuer embedded cannot give clientAuth by template WebServer"],
    );
    world.spec.template = None;
    world.spec.client_eku = Some(false);
    let plan = world.planned();
    assert_eq!(plan.enrollment.template, Some(Template::web_server()));
    assert_eq!(plan.usages, Usages::SERVER);
    assert!(!codes(&plan).contains(&"client-auth-unavailable"));
}

#[test]
fn a_public_issuer_gives_no_client_authentication_and_the_remedy_is_named() {
    let plan =
        world(EDGE, "edge01.contoso.net", &["AccessEdgeExternal", "DataEdgeExternal"]).planned();
    let note = plan.notes.iter().find(|note| note.code() == "client-auth-unavailable").unwrap();
    assert!(note.to_string().contains("define a role with usages"), "{note}");
    assert!(plan.enrollment.exportable);
    assert_eq!(plan.enrollment.name().as_str(), "AccessEdgeExternal@edge.contoso.net");
}

#[test]
fn the_lifetime_is_that_of_the_template_within_the_limit_of_the_date() {
    let world = world(EDGE, "edge01.contoso.net", &["AccessEdgeExternal"])
        .issuer("public", |facts| facts.max_lifetime = Some(Duration::from_secs(365 * 86_400)));
    let plan = world.planned();
    assert_eq!(plan.lifetime, Some(Duration::from_secs(200 * 86_400)));
    let note = plan.notes.iter().find(|note| note.code() == "lifetime-limited").unwrap();
    assert!(note.to_string().contains("200 days instead of 365 days"), "{note}");
}

#[test]
fn a_public_issuer_is_warned_about_keys_digests_and_internal_names() {
    let text = EDGE.replace("contoso.net", "contoso.local");
    let mut world = world(&text, "edge01.contoso.local", &["Internal"]);
    world.spec.issuer = Some("public".parse().unwrap());
    world.spec.key_algorithm = Some(KeyAlgorithm::EcdsaP521);
    world.spec.digest = Some(DigestAlgorithm::Sha384);
    let found = codes(&world.planned());
    for code in [
        "key-unusual-for-public-issuer",
        "digest-at-public-issuer",
        "internal-names",
        "other-issuer",
    ] {
        assert!(found.contains(&code), "{code} is not in {found:?}");
    }
}

#[test]
fn a_ca_that_signs_with_another_digest_is_noted() {
    let mut world =
        se(&["Default"]).issuer("embedded", |facts| facts.digest = Some(DigestAlgorithm::Sha256));
    assert!(!codes(&world.planned()).contains(&"digest-differs"));
    world.spec.digest = Some(DigestAlgorithm::Sha512);
    assert!(codes(&world.planned()).contains(&"digest-differs"));
}

#[test]
fn roles_of_different_servers_do_not_share_a_certificate() {
    assert_has(
        &world(EE, "fe01.contoso.net", &["Default", "OAuthTokenIssuer"]).refused(),
        &["the roles cannot share a certificate: Default is for server fe01.contoso.net alone, \
             OAuthTokenIssuer is for the whole deployment (make one request for each scope)"],
    );
}

#[test]
fn on_a_lone_server_every_role_may_share_one_certificate() {
    let plan = se(&["Default", "OAuthTokenIssuer"]).planned();
    assert_eq!(plan.enrollment.name().as_str(), "Default@global");
    assert!(plan.enrollment.exportable);
    let names: Vec<_> = plan.names.iter().map(|planned| planned.name.as_str()).collect();
    assert_eq!(names, ["se01.contoso.com", "contoso.com"]);
}

#[test]
fn names_beyond_the_computed_ones_need_leave() {
    let mut world = world(EE, "fe01.contoso.net", &["Default"]);
    world.spec.added_names =
        vec!["sipinternal.contoso.com".parse().unwrap(), "fe01.contoso.net".parse().unwrap()];
    let plan = world.planned();
    assert_eq!(plan.enrollment.added_names, ["sipinternal.contoso.com".parse().unwrap()]);
    assert!(!plan.approval_required);

    world.spec.added_names = vec!["www.contoso.com".parse().unwrap()];
    assert_has(
        &world.refused(),
        &[
            "added_names: www.contoso.com is beyond the computed names",
            "allowed_names of pool fe.contoso.net",
        ],
    );
    world.may_add_names = true;
    let plan = world.planned();
    assert!(plan.approval_required);
    assert!(codes(&plan).contains(&"names-need-another"));

    world.may_add_names = false;
    world.approved_names = world.spec.added_names.clone();
    assert!(!world.planned().approval_required);
}

#[test]
fn wildcards_are_for_the_web_and_never_for_edge_roles() {
    let mut edge = world(EDGE, "edge01.contoso.net", &["AccessEdgeExternal"]);
    edge.may_add_names = true;
    edge.spec.added_names = vec!["*.contoso.com".parse().unwrap()];
    assert_has(&edge.refused(), &["*.contoso.com is a wildcard"]);
    let mut web = se(&["WebServicesExternal"]);
    web.may_add_names = true;
    web.spec.added_names = vec!["*.contoso.com".parse().unwrap()];
    assert!(web.planned().names.iter().any(|planned| planned.name.is_wildcard()));
    web.spec.roles = vec![BuiltInRole::Default.into()];
    assert_has(&web.refused(), &["*.contoso.com is a wildcard"]);
}

#[test]
fn names_outside_the_cas_constraints_are_refused() {
    let text = SE.replace("web.contoso.com", "web.fabrikam.com");
    let world = world(&text, "se01.contoso.com", &["WebServicesExternal"])
        .issuer("embedded", |facts| facts.permitted = Some(vec!["contoso.com".parse().unwrap()]));
    assert_has(
        &world.refused(),
        &["web.fabrikam.com is outside what issuer embedded may issue for: contoso.com"],
    );
}

#[test]
fn a_friendly_name_is_unique_in_the_store() {
    let mut world = se(&["Default"]);
    world.friendly_names.insert("Default se01.contoso.com 2026-11-24".parse().unwrap());
    assert_eq!(world.planned().friendly_name.as_str(), "Default se01.contoso.com 2026-11-24 (2)");

    let taken: FriendlyName = "front door".parse().unwrap();
    world.friendly_names.insert(taken.clone());
    world.spec.friendly_name = FriendlyNameChoice::Exactly(taken.clone());
    assert_has(&world.refused(), &["friendly_name: another certificate is called `front door`"]);
    world.spec.friendly_name = FriendlyNameChoice::BasedOn(taken.clone());
    let plan = world.planned();
    assert_eq!(plan.friendly_name.as_str(), "front door (2)");
    assert_eq!(plan.enrollment.friendly_name, Some(taken));
}

#[test]
fn the_plan_says_what_happens_to_the_other_sip_domains() {
    let mut world = world(EE, "fe01.contoso.net", &["Default"]);
    assert!(!codes(&world.planned()).contains(&"sip-domains-left-out"));
    world.spec.sip_domains = SipDomainChoice::These(vec!["contoso.com".parse().unwrap()]);
    let plan = world.planned();
    let note = plan.notes.iter().find(|note| note.code() == "sip-domains-left-out").unwrap();
    assert!(note.to_string().contains("no sip name for fabrikam.com"), "{note}");
    world.spec.sip_domains = SipDomainChoice::These(vec!["fabrikam.net".parse().unwrap()]);
    assert_has(
        &world.refused(),
        &["fabrikam.net is no SIP domain of the topology; did you mean `fabrikam.com`"],
    );
}

#[test]
fn a_request_that_takes_roles_out_says_which_stay() {
    let mut world = se(&["Default", "WebServicesInternal", "WebServicesExternal"]);
    world.enrollments = vec![world.planned().enrollment];
    world.spec = RequestSpec::for_roles([BuiltInRole::Default.into()]);
    let plan = world.planned();
    assert!(plan.notes.contains(&Note::RolesStay {
        roles: vec![
            BuiltInRole::WebServicesInternal.into(),
            BuiltInRole::WebServicesExternal.into(),
        ],
        enrollment: "WebServicesInternal@se01.contoso.com".parse::<EnrollmentName>().unwrap(),
    }));
    assert_eq!(plan.changes.len(), 2);
}

#[test]
fn a_renewal_keeps_what_the_enrollment_says_and_changes_nothing() {
    let mut world = world(EE, "fe01.contoso.net", &["Default"]);
    world.spec.added_names = vec!["sipinternal.contoso.com".parse().unwrap()];
    world.spec.key_algorithm = Some(KeyAlgorithm::EcdsaP256);
    let first = world.planned();
    world.enrollments = vec![first.enrollment.clone()];
    world.spec = first.enrollment.renewal(Goal::Assign);
    let second = world.planned();
    assert_eq!(second.enrollment, first.enrollment);
    assert_eq!(second.names, first.names);
    assert!(second.changes.is_empty());
    assert_eq!(second, world.planned());
}

#[test]
fn the_plan_is_compared_with_the_certificates_that_are_there() {
    let mut world = se(&["Default"]);
    world.current = vec![CurrentCertificate {
        roles: vec![BuiltInRole::Default.into()],
        thumbprint: "AB".into(),
        names: vec!["old.contoso.com".parse().unwrap()],
    }];
    let difference = &world.planned().comparisons[0].difference;
    assert_eq!(difference.missing, ["se01.contoso.com".parse().unwrap()]);
    assert_eq!(difference.extra, ["old.contoso.com".parse().unwrap()]);
}

#[test]
fn a_role_for_clients_only_needs_an_issuer_that_gives_client_authentication() {
    let text = format!(
        "{SE}roles = [\"federation-client\"]\n[issuers.embedded]\nkind = \"embedded\"\n\
         [issuers.public]\nkind = \"file\"\npublic = true\n\
         [roles.federation-client]\nusages = [\"client\"]\n"
    );
    let mut world = world(&text, "se01.contoso.com", &["federation-client"]);
    assert_eq!(world.planned().usages, Usages { server: false, client: true });
    world.spec.issuer = Some("public".parse().unwrap());
    assert_has(&world.refused(), &["issuer public cannot give clientAuth (use a private issuer"]);
}

fn applied(world: &World, status: &[(&str, RoleStatus)]) -> Vec<String> {
    let status =
        status.iter().map(|(role, status)| (role.parse().unwrap(), status.clone())).collect();
    apply_steps(&world.topology, &world.server, &world.enrollments, &status)
        .iter()
        .map(|step| step.spec.roles.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"))
        .collect()
}

#[test]
fn applying_asks_for_each_computed_group_and_then_for_nothing() {
    let mut world = se(&[]);
    assert_eq!(
        applied(&world, &[]),
        ["Default+WebServicesInternal+WebServicesExternal", "OAuthTokenIssuer"]
    );
    for step in apply_steps(&world.topology, &world.server, &[], &BTreeMap::new()) {
        world.spec = step.spec;
        world.enrollments.push(world.planned().enrollment);
    }
    let satisfied: Vec<_> = world
        .topology
        .roles_needed(&world.server)
        .into_iter()
        .map(|need| need.role.to_string())
        .collect();
    let status: Vec<_> =
        satisfied.iter().map(|role| (role.as_str(), RoleStatus::Satisfied)).collect();
    assert!(applied(&world, &status).is_empty());
}

#[test]
fn applying_names_the_order_that_is_open_and_asks_for_the_rest() {
    let world = se(&[]);
    let order = crate::order::OrderId::FIRST;
    let under_way = RoleStatus::UnderWay { order, stands: "it waits for an approval".into() };
    let status = BTreeMap::from([
        (BuiltInRole::Default.into(), RoleStatus::Satisfied),
        (BuiltInRole::OAuthTokenIssuer.into(), under_way),
    ]);
    let steps = apply_steps(&world.topology, &world.server, &world.enrollments, &status);
    assert_eq!(steps.len(), 2, "{steps:?}");
    let web = [BuiltInRole::WebServicesInternal, BuiltInRole::WebServicesExternal];
    assert_eq!((&steps[0].spec.roles[..], steps[0].open_order), (&web.map(Role::from)[..], None));
    assert_eq!(steps[1].spec.roles, [Role::from(BuiltInRole::OAuthTokenIssuer)]);
    assert_eq!(steps[1].open_order, Some(order));
    assert_eq!(steps[1].why[0].1, "it waits for an approval");
}

#[test]
fn applying_places_nothing_beside_an_order_for_a_role_of_the_same_enrollment() {
    let mut world = se(&["Default", "WebServicesInternal"]);
    world.enrollments = vec![world.planned().enrollment];
    let order = crate::order::OrderId::FIRST;
    let under_way = RoleStatus::UnderWay { order, stands: "it is on its way".into() };
    let status = [
        ("Default", under_way),
        ("WebServicesExternal", RoleStatus::Satisfied),
        ("OAuthTokenIssuer", RoleStatus::Satisfied),
    ];
    assert_eq!(applied(&world, &status), ["Default"]);
}

#[test]
fn applying_repairs_a_group_as_its_enrollment_says() {
    let mut world = se(&["Default", "WebServicesInternal"]);
    world.spec.key_algorithm = Some(KeyAlgorithm::EcdsaP384);
    world.enrollments = vec![world.planned().enrollment];
    let differs = RoleStatus::Differs { why: "names are missing".into() };
    let status = BTreeMap::from([
        (BuiltInRole::Default.into(), RoleStatus::Satisfied),
        (BuiltInRole::WebServicesInternal.into(), differs),
        (BuiltInRole::WebServicesExternal.into(), RoleStatus::Satisfied),
        (BuiltInRole::OAuthTokenIssuer.into(), RoleStatus::Satisfied),
    ]);
    let steps = apply_steps(&world.topology, &world.server, &world.enrollments, &status);
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].spec.roles.len(), 2);
    assert_eq!(steps[0].spec.key_algorithm, Some(KeyAlgorithm::EcdsaP384));
    assert_eq!(steps[0].why[0].1, "names are missing");
}

prop_compose! {
    /// A request made of names that exist, names that do not, and everything that can be left out.
    fn spec()(
        roles in prop::collection::vec(
            prop::sample::select(vec![
                "Default", "WebServicesInternal", "WebServicesExternal", "OAuthTokenIssuer",
                "Internal", "AccessEdgeExternal", "DataEdgeExternal", "AudioVideoAuthentication",
                "XMPPServer", "External", "nobody",
            ]),
            0..4,
        ),
        issuer in prop::option::of(prop::sample::select(vec!["corp", "public", "stranger"])),
        key in prop::option::of(prop::sample::select(KeyAlgorithm::ALL.to_vec())),
        client_eku in any::<Option<bool>>(),
        exportable in any::<Option<bool>>(),
        sip_domains in prop::sample::select(vec![
            SipDomainChoice::Computed,
            SipDomainChoice::All,
            SipDomainChoice::These(Vec::new()),
            SipDomainChoice::These(vec!["fabrikam.com".parse().unwrap()]),
            SipDomainChoice::These(vec!["nobody.com".parse().unwrap()]),
        ]),
        added in prop::collection::vec(
            prop::sample::select(vec!["sip.contoso.com", "*.contoso.com", "x.fabrikam.com"]),
            0..3,
        ),
    ) -> RequestSpec {
        RequestSpec {
            issuer: issuer.map(|name| name.parse().unwrap()),
            key_algorithm: key,
            client_eku,
            exportable,
            sip_domains,
            added_names: added.iter().map(|name| name.parse().unwrap()).collect(),
            ..RequestSpec::for_roles(roles.iter().map(|role| role.parse().unwrap()))
        }
    }
}

proptest! {
    #[test]
    fn a_plan_is_the_same_twice_and_its_renewal_changes_nothing(
        spec in spec(),
        edge in any::<bool>(),
        may_add_names in any::<bool>(),
    ) {
        let (text, server) =
            if edge { (EDGE, "edge02.contoso.net") } else { (EE, "fe02.contoso.net") };
        let mut world = world(text, server, &[]);
        world.spec = spec;
        world.may_add_names = may_add_names;
        let first = world.plan();
        prop_assert_eq!(&first, &world.plan());
        let Ok(first) = first else { return Ok(()) };

        prop_assert!(!edge || first.names.iter().all(|planned| !planned.name.is_wildcard()));
        prop_assert!(first.exportable_forced_by.is_empty() || first.enrollment.exportable);
        world.enrollments = vec![first.enrollment.clone()];
        world.spec = first.enrollment.renewal(Goal::Assign);
        let renewal = world.planned();
        prop_assert_eq!(&renewal.enrollment, &first.enrollment);
        prop_assert_eq!(&renewal.names, &first.names);
        prop_assert!(renewal.changes.is_empty());
    }
}
