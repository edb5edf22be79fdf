//! Bad input: each gets its reason, a sentence that names it, the nearest right thing, and no effect.

use rolecall::api::client::Client;
use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use rolecall_tests::{Call, Site, TestAgent, request_id, spec};
use tokio::task::JoinSet;

/// A Standard Edition server with a template that somebody else has to approve.
pub(crate) const WITH_APPROVAL: &str = "sip_domains = [\"contoso.com\"]\n\
    [issuers.embedded]\nkind = \"embedded\"\n\
    [issuers.embedded.templates.Checked]\ndisplay_name = \"Checked by hand\"\n\
    client_auth = true\napproval = true\n\
    [pools.\"se01.contoso.com\"]\nkind = \"StandardEdition\"\n";

fn default(change: impl FnOnce(&mut pb::OrderSpec)) -> pb::OrderSpec {
    let mut spec = spec(&["Default"]);
    change(&mut spec);
    spec
}

fn with_name(name: &str) -> pb::OrderSpec {
    default(|spec| spec.added_names = vec![name.to_owned()])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "a table of requests, each with its refusal")]
async fn a_request_that_contradicts_the_topology_is_refused_with_the_nearest_right_thing() {
    let agent = TestAgent::start(Site::new("se01.contoso.com", WITH_APPROVAL)).await;
    let journal = agent.journal().await;
    let long = format!("{}.contoso.com", "x".repeat(64));
    let cases = [
        (
            spec(&["Defualt"]),
            Reason::RoleUnknown,
            "there is no role Defualt; did you mean `Default",
        ),
        (
            spec(&["Internal"]),
            Reason::RoleNotNeeded,
            "the computer does not need a certificate for Internal: se01.contoso.com needs Default,",
        ),
        (spec(&["Default", "Default"]), Reason::PlanRefused, "Default is named twice"),
        (spec(&[]), Reason::RequestInvalid, "at least one role is needed"),
        (
            default(|spec| spec.issuer = "embeded".into()),
            Reason::IssuerUnknown,
            "no issuer embeded; did you mean `embedded",
        ),
        (
            default(|spec| spec.template = "WebSrver".into()),
            Reason::TemplateUnknown,
            "has no template WebSrver; did you mean `WebServer",
        ),
        (
            default(|spec| spec.template = "Checked by hand".into()),
            Reason::TemplateUnknown,
            "is the display name of template Checked",
        ),
        (
            default(|spec| spec.key_algorithm = "rsa-1024".into()),
            Reason::RequestInvalid,
            "rsa-1024",
        ),
        (default(|spec| spec.digest = "sha-1".into()), Reason::RequestInvalid, "sha-1"),
        (
            {
                let mut oauth = spec(&["OAuthTokenIssuer"]);
                oauth.key_algorithm = "p-256".into();
                oauth
            },
            Reason::PlanRefused,
            "OAuthTokenIssuer does not accept a key of p-256",
        ),
        (
            default(|spec| {
                spec.sip_domains = Some(pb::SipDomains {
                    choice: pb::sip_domains::Choice::These.into(),
                    domains: vec!["contoso.co".into()],
                });
            }),
            Reason::PlanRefused,
            "contoso.co is no SIP domain of the topology; did you mean `contoso.com",
        ),
        (with_name("under_score.contoso.com"), Reason::RequestInvalid, "under_score"),
        (with_name(&long), Reason::RequestInvalid, "63"),
        (with_name("bücher.contoso.com"), Reason::RequestInvalid, "xn--"),
        (with_name("www.example.org"), Reason::PlanRefused, "www.example.org is outside"),
        (default(|spec| spec.set_goal(pb::Goal::Roll)), Reason::RequestInvalid, "spec.goal"),
    ];

    for (spec, reason, message) in cases {
        let refused = agent.place(spec.clone()).await.unwrap_err();
        assert_eq!(refused.reason, reason, "{refused}: {spec:?}");
        assert!(refused.message.contains(message), "`{}` lacks `{message}`", refused.message);
    }

    let seen = agent.look().await;
    assert!(seen.orders.is_empty() && seen.certificates.is_empty(), "{seen:#?}");
    assert_eq!(agent.journal().await, journal);
    assert_eq!(agent.keys(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_problem_of_a_request_is_named_at_once() {
    let agent = TestAgent::standard_edition().await;

    let malformed = agent
        .place(default(|spec| {
            spec.key_algorithm = "rsa-1024".into();
            spec.digest = "md5".into();
            spec.added_names = vec!["under_score.contoso.com".into()];
        }))
        .await
        .unwrap_err();
    let mut fields: Vec<_> = malformed.violations.iter().map(|one| one.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["spec.added_names[0]", "spec.digest", "spec.key_algorithm"]);

    let contradicting = agent
        .place(default(|spec| {
            spec.template = "Nothing".into();
            spec.added_names = vec!["www.example.org".into()];
        }))
        .await
        .unwrap_err();
    let mut fields: Vec<_> =
        contradicting.violations.iter().map(|one| one.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["spec.added_names", "spec.template"], "{contradicting:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_order_for_a_role_shows_the_open_one_unless_it_is_asked_for_beside_it() {
    let agent = TestAgent::start(Site::new("se01.contoso.com", WITH_APPROVAL)).await;
    let waiting = agent.place(default(|spec| spec.template = "Checked".into())).await.unwrap();
    let journal = agent.journal().await;

    let refused = agent.place(spec(&["Default"])).await.unwrap_err();

    assert_eq!(refused.reason, Reason::OrderOpen);
    assert_eq!(
        refused.message,
        "order 1 for Default is submitted and waits for approval of request 1 by another \
         administrator"
    );
    assert!(refused.remedy.contains("rolecallctl order show 1"), "{refused:?}");
    assert_eq!(agent.journal().await, journal);

    let beside = pb::PlaceOrderRequest {
        request_id: request_id(),
        spec: Some(spec(&["Default"])),
        wait: true,
        beside_open: true,
    };
    let beside = agent.place_as(beside).await.unwrap().order.unwrap();
    assert_eq!((waiting.id, beside.id), (1, 2));
    assert_eq!(agent.look().await.role("Default").state, "assigned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_friendly_name_belongs_to_one_certificate() {
    let agent = TestAgent::standard_edition().await;
    let named = || default(|spec| spec.friendly_name = "Front of house".into());
    let order = agent.place(named()).await.unwrap();
    assert_eq!(order.friendly_name, "Front of house");

    let refused = agent.place(named()).await.unwrap_err();

    assert_eq!(refused.reason, Reason::PlanRefused);
    assert_eq!(refused.message, "another certificate is called `Front of house`");
    assert_eq!(agent.look().await.orders.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thumbprint_is_understood_as_administrators_paste_it() {
    let agent = TestAgent::standard_edition().await;
    let thumbprint = agent.obtain(&["Default"]).await;
    let pairs: Vec<String> = thumbprint
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).to_lowercase())
        .collect();

    for pasted in [
        format!("\u{200e}{}", pairs.join(" ")),
        pairs.join(":"),
        thumbprint.to_lowercase(),
        thumbprint.chars().take(12).collect(),
    ] {
        let request = pb::GetCertificateRequest { certificate: pasted.clone() };
        let found = agent.client.certificates().get_certificate(request).await;
        let found = found.unwrap_or_else(|status| panic!("{pasted}: {status}")).into_inner();
        assert_eq!(found.certificate.unwrap(), agent.certificates().await[0]);
    }

    let too_long = format!("{thumbprint}ABC");
    let unknown = "0".repeat(40);
    for (pasted, reason, message) in [
        (too_long.as_str(), Reason::RequestInvalid, "43"),
        (unknown.as_str(), Reason::CertificateUnknown, unknown.as_str()),
        ("no digits", Reason::RequestInvalid, "no"),
    ] {
        let refused = get_certificate(&agent, pasted).await.unwrap_err();
        assert_eq!(refused.reason, reason, "{pasted}: {refused}");
        assert!(refused.message.contains(message), "{refused}");
    }
}

async fn get_certificate(
    agent: &TestAgent,
    certificate: &str,
) -> Result<pb::GetCertificateResponse, Failure> {
    let request = pb::GetCertificateRequest { certificate: certificate.to_owned() };
    Ok(agent.client.certificates().get_certificate(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_not_found_with_the_nearest_name() {
    let agent = TestAgent::standard_edition().await;
    agent.obtain(&["Default"]).await;
    let journal = agent.journal().await;
    let client = &agent.client;

    let enrollment = pb::GetEnrollmentRequest { name: "Defalt@se01.contoso.com".into() };
    let issuer = pb::GetIssuerRequest { name: "embeded".into() };
    let finding = pb::AcceptFindingRequest {
        request_id: request_id(),
        code: "root-key-onlin".into(),
        reason: "lab".into(),
        ..pb::AcceptFindingRequest::default()
    };
    let submit = pb::SubmitCsrRequest {
        request_id: request_id(),
        roles: vec!["Default".into()],
        server: "se1.contoso.com".into(),
        ..pb::SubmitCsrRequest::default()
    };
    let approve =
        pb::ApproveCaRequestRequest { request_id: request_id(), ca_request_id: 7, what_if: false };
    let refusals = [
        (
            client.enrollments().get_enrollment(enrollment).await.unwrap_err(),
            Reason::EnrollmentUnknown,
            "did you mean `Default@se01.contoso.com",
        ),
        (
            client.issuers().get_issuer(issuer).await.unwrap_err(),
            Reason::IssuerUnknown,
            "did you mean `embedded`",
        ),
        (
            client.findings().accept_finding(finding).await.unwrap_err(),
            Reason::FindingUnknown,
            "did you mean `root-key-online",
        ),
        (
            client.issuers().submit_csr(submit).await.unwrap_err(),
            Reason::ServerUnknown,
            "did you mean `se01.contoso.com",
        ),
        (
            client.issuers().approve_ca_request(approve).await.unwrap_err(),
            Reason::CaRequestUnknown,
            "no request 7",
        ),
        (
            client.orders().get_order(pb::GetOrderRequest { order_id: 7 }).await.unwrap_err(),
            Reason::OrderUnknown,
            "no order 7",
        ),
    ];

    for (status, reason, message) in refusals {
        let refused = Failure::from(status);
        assert_eq!(refused.reason, reason, "{refused}");
        assert!(refused.message.contains(message), "`{}` lacks `{message}`", refused.message);
    }
    assert_eq!(agent.journal().await, journal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_done_cannot_be_cancelled() {
    let agent = TestAgent::standard_edition().await;
    agent.obtain(&["Default"]).await;
    let journal = agent.journal().await;

    let cancel = pb::CancelOrderRequest { request_id: request_id(), order_id: 1, what_if: false };
    let refused = Failure::from(agent.client.orders().cancel_order(cancel).await.unwrap_err());

    assert_eq!(refused.reason, Reason::OrderSettled);
    assert!(refused.message.contains("order 1"), "{refused}");
    assert_eq!(agent.journal().await, journal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_asks_for_more_keys_than_can_be_made_is_told_so() {
    let agent = TestAgent::standard_edition().await;
    let mut calls = JoinSet::new();
    // One connection carries 64 calls at a time, as many as may wait for a key.
    let another = Client::connect_unix(&agent.site().socket()).await.unwrap();
    for number in 0..80 {
        let client = if number % 2 == 0 { agent.client.clone() } else { another.clone() };
        let mut spec = spec(&["OAuthTokenIssuer"]);
        spec.key_algorithm = "rsa-4096".into();
        let request = pb::PlaceOrderRequest {
            request_id: request_id(),
            spec: Some(spec),
            wait: false,
            beside_open: true,
        };
        calls.spawn(async move { client.place_as(request).await });
    }

    let refused = loop {
        match calls.join_next().await.expect("one of the calls is refused").unwrap() {
            Ok(_) => {}
            Err(refused) => break refused,
        }
    };

    assert_eq!(refused.reason, Reason::KeyQueueFull, "{refused}");
}
